"""The wheels, installed without the source tree: an emulator runs, and both clients call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.repository import tree
from tests.support.announced import Announcement, announced, pasted

pytestmark = pytest.mark.system

BIN = Path(sys.executable).parent
NAMES = ["tokenvault_contract", "tokenvault_client", "cashfree_pg", "tokenvault_server", "pytest_tokenvault"]
(README,) = (block.text for block in blocks("README.md") if "from tokenvault_client" in block.text)
PLUGIN = "packages/pytest-tokenvault/README.md"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the wheels and the locked versions of their dependencies."""
    folder = tmp_path_factory.mktemp("fresh")
    for package in tree.pyprojects():
        run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")], package.parent)
    wheels = sorted(str(wheel) for wheel in (folder / "wheels").glob("*.whl"))
    assert len(wheels) == len(NAMES)
    run([str(BIN / "uv"), "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], folder)
    python = folder / "venv" / "bin" / "python"
    locked = ["--constraint", str(tree.ROOT / "requirements-dev.lock"), "--only-binary", ":all:"]
    run([str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(python), *locked, *wheels], folder)
    return python


@pytest.fixture(scope="module")
def announcement(python: Path) -> Iterator[Announcement]:
    with announced(python) as running:
        yield running


def test_the_python_of_the_front_page_works_with_the_wheels(python: Path, announcement: Announcement) -> None:
    assert pasted(README, announcement.exports, python).startswith("XXXXXXXXXXXX2123 Cryptogram(instrument_id=")


def test_the_python_that_an_emulator_prints_works_with_the_wheels(python: Path, announcement: Announcement) -> None:
    assert json.loads(pasted(announcement.program, {}, python))["cryptogram"]


@pytest.mark.parametrize(("name", "extra"), [("Httpx2Transport", "httpx2"), ("AsyncPyreqwestTransport", "pyreqwest")])
def test_a_transport_of_an_extra_names_the_extra_in_its_error(python: Path, name: str, extra: str) -> None:
    program = f"try:\n  from tokenvault_client.transports import {name}\nexcept ImportError as error: print(error)"
    assert pasted(program, {}, python).strip() == f"{name} comes with `pip install tokenvault-client[{extra}]`"


def test_the_first_tests_of_the_plugins_readme_pass_with_the_wheels(python: Path, tmp_path: Path) -> None:
    (first,) = (block.text for block in blocks(PLUGIN) if block.text.startswith("# test_saved_cards.py"))
    (tmp_path / "test_saved_cards.py").write_text(first)
    run([str(python), "-m", "pytest", "-q", "test_saved_cards.py"], tmp_path)


def test_tracing_without_its_extra_stops_the_start_and_names_it(python: Path) -> None:
    command = [str(python.parent / "tokenvault"), "emulator", "--port", "0", "--tracing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'tokenvault-server[otel]'" in done.stderr


def test_nothing_is_imported_from_the_tree(python: Path) -> None:
    program = f"import {', '.join(NAMES)}\nfor each in ({', '.join(NAMES)}): print(each.__file__)"
    paths = pasted(program, {}, python).splitlines()
    assert [path for path in paths if not Path(path).is_relative_to(python.parents[1])] == []


@pytest.mark.parametrize("package", ["tokenvault_contract", "tokenvault_client", "cashfree_pg", "pytest_tokenvault"])
def test_editors_know_the_type_of_every_public_name(python: Path, package: str) -> None:
    # The checker asks the first Python on PATH for its packages, and it checks installed packages, not editable ones.
    first = {"PATH": os.pathsep.join([str(python.parent), os.defpath])}
    check = [str(BIN / "basedpyright"), "--ignoreexternal", "--verifytypes", package]
    done = subprocess.run(check, cwd=python.parent, env=first, capture_output=True, text=True, check=False)
    assert "Type completeness score: 100%" in done.stdout, done.stdout


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
