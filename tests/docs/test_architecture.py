"""ARCHITECTURE.md shows the real tree, layers, function and folders of tests."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.repository import tree
from tools.reference import architecture

PAGE = tree.text(tree.ROOT / "ARCHITECTURE.md")
DRAWN_TREE, DRAWN_LAYERS = (block.text for block in blocks("ARCHITECTURE.md") if block.language == "text")
CONTRACTS = tomllib.loads(tree.text(tree.ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
SERVER = tree.ROOT / "packages/server/src/tokenvault_server"
INDENT = 4


def drawn_folders() -> dict[str, set[str]]:
    """Return the folders whose contents are drawn, by path, with the names drawn in them."""
    found: dict[str, set[str]] = {}
    path: list[str] = []
    for line in DRAWN_TREE.splitlines():
        depth = (len(line) - len(line.lstrip())) // INDENT
        name = line.split()[0]
        path[depth:] = [name.rstrip("/")]
        if depth:
            found.setdefault("/".join(path[:depth]), set()).add(name)
    return found


FOLDERS = drawn_folders()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_drawn_folder_holds_what_is_drawn_and_nothing_else(folder: str) -> None:
    assert FOLDERS[folder] == contents(tree.ROOT / folder)


def test_the_drawn_layers_are_those_of_the_import_contract() -> None:
    (contract,) = [each for each in CONTRACTS if each["id"] == "layers"]
    layers = [{name.strip(" ()") for name in layer.split("|")} for layer in contract["layers"]]
    existing = [{name for name in layer if exists(name)} for layer in layers]
    drawn = [{name.strip() for name in line.split("|")} for line in DRAWN_LAYERS.splitlines()]
    assert drawn == [layer for layer in existing if layer]


def test_the_shown_function_is_the_one_that_runs() -> None:
    assert architecture.page() == PAGE, "run `make reference`"


def test_every_folder_of_tests_is_listed() -> None:
    tests = tree.ROOT / "tests"
    below = [path.relative_to(tests).parts for path in tree.files() if path.is_relative_to(tests)]
    assert {parts[0] for parts in below if len(parts) > 1} == set(re.findall(r"^\| `tests/(\w+)", PAGE, re.MULTILINE))


def contents(folder: Path) -> set[str]:
    """Return the modules and packages in a folder, as they are drawn."""
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
    return modules | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


def exists(name: str) -> bool:
    return (SERVER / f"{name}.py").exists() or (SERVER / name / "__init__.py").exists()
