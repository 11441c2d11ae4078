"""From a clean clone to an answer: the first steps of a newcomer, on a machine with very few programs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.repository import tree
from tokenvault_contract import headers, versions

pytestmark = pytest.mark.system

# A shell, make, Python with pip, and the few POSIX tools that the Makefile uses. No git, no venv module, no uv.
TOOLS = ["sh", "make", "touch", "ln", "grep", "awk"]
KEPT = {"HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "UV_CACHE_DIR", "XDG_CACHE_HOME"}
KEPT_PREFIXES = ("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "HTTP", "http", "NO_PROXY", "no_proxy")
NO_VENV = 'raise ImportError("this machine has no venv module")\n'


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with exactly the files of a git clone."""
    root = tmp_path_factory.mktemp("clone")
    for path in tree.files():
        copy = root / tree.name(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return root


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a machine that has only Python, pip and make."""
    root = tmp_path_factory.mktemp("bare")
    tools = root / "bin"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(_which(tool))
    (tools / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    for module in ("venv", "ensurepip"):
        (root / "absent" / module).mkdir(parents=True)
        (root / "absent" / module / "__init__.py").write_text(NO_VENV)
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    return kept | {"PATH": str(tools), "PYTHONPATH": str(root / "absent")}


@pytest.fixture(scope="module")
def set_up(clone: Path, bare: dict[str, str]) -> Path:
    make(clone, bare, "setup")
    return clone


@pytest.fixture
def emulator(set_up: Path, bare: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield the output of `make run` when it answers."""
    command = ["make", "--silent", "run", "ARGS=--port 0 --json"]
    with subprocess.Popen(command, cwd=set_up, env=bare, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def test_setup_needs_no_more_than_python_pip_and_make(set_up: Path) -> None:
    assert (set_up / ".venv" / "bin" / "tokenvault").exists()


def test_setup_again_does_nothing(set_up: Path, bare: dict[str, str]) -> None:
    assert "install" not in make(set_up, bare, "setup")


def test_help_lists_every_target(clone: Path, bare: dict[str, str]) -> None:
    assert "make test-system" in make(clone, bare, "help")


def test_the_emulator_of_a_clean_clone_answers(emulator: dict[str, str]) -> None:
    url = emulator["base_url"] + "/customers/nobody/instruments"
    answer = urllib3.request("GET", url, headers={headers.API_VERSION: versions.LATEST})
    assert answer.status == 401


def make(where: Path, environment: dict[str, str], target: str) -> str:
    done = subprocess.run(["make", target], cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _which(tool: str) -> str:
    path = shutil.which(tool)
    assert path, f"this machine has no {tool}"
    return path
