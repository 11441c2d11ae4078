"""What users can name is what the reference page tells: whoever changes one sees the other change."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import tokenvault_client
from tools import client_page

HEAVY = {"httptools", "httpx2", "pyreqwest", "cryptography", "asyncio", "ssl", "email", "pydantic", "random", "hashlib"}


def test_the_reference_page_is_fresh() -> None:
    assert client_page.PAGE.read_text(encoding="utf-8") == client_page.page(), "run `python -m tools.client_page`"


def test_everything_that_is_exported_is_there_and_sorted() -> None:
    names = tokenvault_client.__all__
    assert [name for name in names if not hasattr(tokenvault_client, name)] == []
    assert sorted(names) == sorted(set(names))


def test_the_version_is_that_of_the_distribution() -> None:
    assert tokenvault_client.__version__ == version("tokenvault-client")


def test_importing_loads_nothing_that_is_not_needed_yet() -> None:
    program = "import sys, tokenvault_client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()
