"""The code blocks of the page on migration run against a vault, each with its package."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import environments
from tests.docs.pages import blocks
from tests.support.client_beside import environ_with_client
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json

PAGE = "docs/how-to/move-from-the-official-sdk.md"
PYTHON = [block.text for block in blocks(PAGE) if block.language == "python"]
(ROUTING,) = [text for text in PYTHON if "route_token_vault(" in text]
CALL = """
from cashfree_pg.api_client import Cashfree
api = Cashfree(Cashfree.SANDBOX, {client_id!r}, {client_secret!r})
print([each.instrument_id for each in api.PGCustomerFetchInstruments("asha", "card").data])
"""


def test_the_blocks_of_the_page_run_in_order(
    vault: Emulator, card: Json, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CASHFREE_BASE_URL", vault.base_url)
    names = ("base_url", "client_id", "client_secret")
    namespace: dict[str, Any] = {name: getattr(vault, name) for name in names}
    for text in PYTHON:
        if text != ROUTING:
            exec(compile(text, PAGE, "exec"), namespace)
    printed = capsys.readouterr().out
    assert printed.count(card["instrument_id"]) == 2
    assert "404 Not Found {" in printed
    assert "404 instrument_not_found" in printed


def test_the_block_on_routing_runs_with_the_official_package(vault: Emulator, card: Json, tmp_path: Path) -> None:
    environ = environ_with_client(tmp_path) | {"CASHFREE_BASE_URL": vault.base_url}
    program = ROUTING + CALL.format(client_id=vault.client_id, client_secret=vault.client_secret)
    command = [str(environments.python_environment("6.0.1")), "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert card["instrument_id"] in done.stdout, done.stderr
