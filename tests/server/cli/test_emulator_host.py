"""The emulator listens on loopback, unless it is told another address; its status page stays on loopback."""

from __future__ import annotations

import pytest
import urllib3

from tests.support.emulator_process import emulator
from tokenvault_contract import headers, versions
from tokenvault_server.bootstrap.emulator_parts import announce
from tokenvault_server.cli.emulator import command
from tokenvault_server.emulator.credentials import Credentials

CREDENTIALS = Credentials("TEST1", "secret", "key", "mer_1", "token")


def test_without_an_option_it_listens_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENVAULT_HOST", raising=False)
    assert command.make_context("emulator", []).params["host"] == "127.0.0.1"


def test_the_environment_names_an_address_and_the_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENVAULT_HOST", "0.0.0.0")
    assert command.make_context("emulator", []).params["host"] == "0.0.0.0"
    assert command.make_context("emulator", ["--host", "127.0.0.9"]).params["host"] == "127.0.0.9"


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.9", "127.0.0.9"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("vault", "vault")],
)
def test_the_announced_address_is_one_that_can_be_called(host: str, shown: str) -> None:
    announced = announce(CREDENTIALS, host, 8480, 8481)
    assert announced.base_url == f"http://{shown}:8480/pg"
    assert announced.console_url == "http://127.0.0.1:8481/"


def test_it_answers_on_the_address_of_the_option() -> None:
    with emulator("--host", "127.0.0.9") as running:
        assert running.base_url.startswith("http://127.0.0.9:")
        url = f"{running.base_url}/customers/asha/instruments"
        assert urllib3.request("GET", url, headers={headers.API_VERSION: versions.LATEST}).status == 401
        assert urllib3.request("GET", running.console_url + "health").status == 200
