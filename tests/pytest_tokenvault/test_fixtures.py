"""The fixtures, in runs of pytest inside this process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.conformance import environments
from tests.docs.pages import blocks
from tests.pytest_tokenvault.conftest import InnerRun
from tests.repository import tree

pytest_plugins = ["pytester"]

README: Final = "packages/pytest-tokenvault/README.md"

FIXTURES: Final = """
import asyncio, os
import pytest
from cashfree_pg import Cashfree
from tokenvault_client import AuthenticationError, Client

addresses = set()


@pytest.fixture(scope="session")
def token_vault_options():
    return {"rate_limits": False}


@pytest.fixture(scope="session")
def address(token_vault_emulator):
    return token_vault_emulator.base_url


@pytest.mark.parametrize("number", range(2))
def test_each_test_begins_anew(number, token_vault, token_vault_client, vault_clock, vault_requests, vault_faults):
    assert vault_requests.find() == [] and vault_faults.list() == []
    assert token_vault_client.fetch_instruments("asha").data == ()
    token_vault.save_card("asha")
    vault_clock.freeze()
    vault_faults.add(operation="fetch_instruments", status=502)
    addresses.add(token_vault.base_url)


def test_there_is_one_emulator(address, token_vault):
    assert addresses == {address} == {token_vault.base_url}


def test_the_options_count(token_vault, token_vault_client):
    for _ in range(60):
        token_vault_client.fetch_instruments("asha")


def test_code_that_reads_the_environment(token_vault, token_vault_environment):
    with Client.from_env() as client:
        client.fetch_instruments("asha")


def test_the_environment_is_as_before(token_vault_environment=None):
    assert os.environ["CASHFREE_ENVIRONMENT"] == "production" and "CASHFREE_BASE_URL" not in os.environ


def test_the_drop_in(token_vault, cashfree_pg):
    token_vault.save_card("asha")
    other = Cashfree(Cashfree.SANDBOX, token_vault.client_id, token_vault.client_secret)
    assert len(cashfree_pg.PGCustomerFetchInstruments("asha", "card").data) == 1
    assert len(other.PGCustomerFetchInstruments("asha", "card").data) == 1


def test_the_drop_in_is_as_before():
    assert Cashfree.XBaseUrl is None


def test_an_asynchronous_client_without_a_plugin(token_vault, async_token_vault_client):
    assert asyncio.run(async_token_vault_client.fetch_instruments("asha")).data == ()
"""
FAILING: Final = """
def test_that_expects_too_much(token_vault, vault_requests):
    token_vault.save_card("asha")
    vault_requests.expect(operation="fetch_cryptogram", count=1)


def test_of_the_official_sdk(official_cashfree_pg):
    pass
"""
WORKERS: Final = """
import os, pathlib, pytest


@pytest.mark.parametrize("number", range(8))
def test_one_of_many(number, token_vault):
    token_vault.save_card("asha")
    assert len(token_vault.cards.list()) == 1
    (pathlib.Path(os.environ["NOTES"]) / os.environ["PYTEST_XDIST_WORKER"]).write_text(token_vault.base_url)
"""


def test_the_fixtures_do_what_their_names_say(
    pytester: pytest.Pytester, run_pytest: InnerRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASHFREE_ENVIRONMENT", "production")
    monkeypatch.delenv("CASHFREE_BASE_URL", raising=False)
    pytester.makepyfile(FIXTURES)
    run_pytest().assert_outcomes(passed=9)


def test_a_failed_test_shows_its_calls_and_a_wrong_sdk_what_to_do(
    pytester: pytest.Pytester, run_pytest: InnerRun
) -> None:
    pytester.makepyfile(FAILING)
    result = run_pytest()
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*exactly 1 matching calls were expected, and the journal has 0 of 1",
            "*token vault calls*",
            "POST /pg/customers/asha/instruments 201",
        ]
    )
    text = result.stdout.str()
    assert "is for the official SDK, and this environment has tokenvault-cashfree-pg" in text
    assert "4706131211212123" not in text


@pytest.mark.system  # three processes of pytest
def test_each_worker_of_xdist_has_an_emulator_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTES", str(tmp_path))
    pytester.makepyfile(WORKERS)
    pytester.runpytest_subprocess("-q", "-n", "2", "-p", "no:schemathesis").assert_outcomes(passed=8)
    assert len({note.read_text() for note in tmp_path.iterdir()}) == 2


@pytest.mark.system  # installs the official SDKs
@pytest.mark.parametrize("version", ["4.5.1", "5.0.5", "6.0.1"])
def test_the_official_sdk_is_pointed_at_the_emulator(version: str, pytester: pytest.Pytester) -> None:
    (text,) = (block.text for block in blocks(README) if block.text.startswith("# test_official.py"))
    if version < "6":
        text = text.replace('Instruments("asha"', 'Instruments("2023-08-01", "asha"')
    pytester.makepyfile(text)
    # The SDK's own environment comes first; pytest and the plugin come from here.
    sources = [str(path) for path in (tree.ROOT / "packages").glob("*/src") if "cashfree-pg" not in str(path)]
    paths = [*sources, str(Path(pytest.__file__).parents[1])]
    options = ["-q", "-p", "pytest_tokenvault.plugin", "-p", "no:cacheprovider"]
    program = f"import sys; sys.path += {paths!r}; import pytest; sys.exit(pytest.main({options!r}))"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(environments.python_environment(version)), "-W", "ignore", "-c", program],
        cwd=pytester.path,
        env=clean | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
