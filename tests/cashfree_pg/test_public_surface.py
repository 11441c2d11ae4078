"""What users can name is what the reference page tells, and what a type checker sees."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version

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


def test_the_reference_page_is_fresh() -> None:
    assert cashfree_page.PAGE.read_text(encoding="utf-8") == cashfree_page.page(), "run `make reference`"


@pytest.mark.parametrize("module", ["", ".api_client", ".models", ".rest"])
def test_everything_that_is_exported_is_there_once(module: str) -> None:
    found = importlib.import_module(f"cashfree_pg{module}")
    assert [name for name in found.__all__ if not hasattr(found, name)] == []
    assert sorted(found.__all__) == sorted(set(found.__all__))


@pytest.mark.parametrize("name", models.__all__)
def test_every_model_has_the_module_that_users_import(name: str) -> None:
    module = getattr(models, name).__module__
    assert module.startswith("cashfree_pg.models.")
    assert module.rpartition(".")[2].replace("_", "") == name.lower()


def test_the_version_is_that_of_the_distribution() -> None:
    assert cashfree_pg.__version__ == version("tokenvault-cashfree-pg")


def test_importing_loads_nothing_that_is_not_needed_yet() -> None:
    program = "import sys, cashfree_pg; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()


def test_importing_warns_of_nothing() -> None:
    command = [sys.executable, "-W", "error", "-c", "import cashfree_pg"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
