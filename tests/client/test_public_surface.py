"""The public surface is what the reference page documents: a change of one requires a change of the other."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

import tokenvault_client
from tools import client_page

HEAVY = {"httptools", "httpx2", "pyreqwest", "cryptography", "asyncio", "ssl", "email", "pydantic", "random", "hashlib"}


def test_the_reference_page_is_up_to_date() -> None:
    assert client_page.PAGE.read_text(encoding="utf-8") == client_page.page(), "run `python -m tools.client_page`"


@pytest.mark.parametrize("module", ["", ".integration", ".transports"])
def test_exported_names_exist_once(module: str) -> None:
    exported = importlib.import_module(f"tokenvault_client{module}")
    names = exported.__all__
    assert [name for name in names if not hasattr(exported, name)] == []
    assert sorted(names) == sorted(set(names))


def test_the_version_is_that_of_the_distribution() -> None:
    assert tokenvault_client.__version__ == version("tokenvault-client")


def test_importing_loads_no_heavy_module() -> None:
    program = "import sys, tokenvault_client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()
