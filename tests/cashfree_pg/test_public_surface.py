"""The public surface is what the reference page documents, and imports only public modules of the client."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import cashfree_pg
from cashfree_pg import models
from tools import cashfree_page

HEAVY = {
    "httptools",
    "httpx2",
    "pyreqwest",
    "cryptography",
    "asyncio",
    "ssl",
    "urllib3",
    "multiprocessing",
    "tokenvault_server",
}


def test_the_reference_page_is_up_to_date() -> None:
    assert cashfree_page.PAGE.read_text(encoding="utf-8") == cashfree_page.page(), "run `make reference`"


@pytest.mark.parametrize("module", ["", ".api_client", ".models", ".rest"])
def test_exported_names_exist_once(module: str) -> None:
    exported = importlib.import_module(f"cashfree_pg{module}")
    assert [name for name in exported.__all__ if not hasattr(exported, name)] == []
    assert sorted(exported.__all__) == sorted(set(exported.__all__))


@pytest.mark.parametrize("name", models.__all__)
def test_every_model_has_its_official_module(name: str) -> None:
    module = getattr(models, name).__module__
    assert module.startswith("cashfree_pg.models.")
    assert module.rpartition(".")[2].replace("_", "") == name.lower()


def test_the_version_is_that_of_the_distribution() -> None:
    assert cashfree_pg.__version__ == version("tokenvault-cashfree-pg")


def test_only_public_modules_of_the_client_are_imported() -> None:
    """The import contract lists the private modules; this test finds one that the list does not contain yet."""
    sources = Path(cashfree_pg.__file__).parent.rglob("*.py")
    imported = {name for source in sources for name in imported_names(source.read_text(encoding="utf-8"))}
    private = {name for name in imported if "._" in name.removesuffix(".__version__")}
    assert {name for name in private if name.startswith(("tokenvault_client", "tokenvault_contract"))} == set()


def imported_names(source: str) -> Iterator[str]:
    """Return the dotted names that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_importing_loads_no_heavy_module() -> None:
    program = "import sys, cashfree_pg; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()


def test_importing_emits_no_warning() -> None:
    command = [sys.executable, "-W", "error", "-c", "import cashfree_pg"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
