"""Routing of the official SDK through the client: it returns its own models and raises its own exceptions."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cashfree_pg
from tests.conformance import environments
from tests.docs.pages import free_port
from tests.support.client_beside import environ_with_client
from tests.support.emulator_process import emulator
from tokenvault_client import UsageError
from tokenvault_client.cashfree import route_token_vault

SECONDS = 60
RELEASES = {
    "4.5.1": ("InstrumentEntity", "InstrumentEntity"),
    "5.0.5": ("InstrumentEntity", "InstrumentEntity"),
    "6.0.1": ("InstrumentEntityForAllSavedCard", "DeletedInstrumentEntity"),
}

Results = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def results_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Results]]:
    """Make the calls with a release once, against one vault."""
    environ = environ_with_client(tmp_path_factory.mktemp("needed"))
    with emulator("--no-rate-limits") as vault:

        @functools.cache
        def results(release: str) -> Results:
            customer = f"routed_{release}"
            settings = {
                "closed_port": f"http://127.0.0.1:{free_port()}/pg",
                "base_url": vault.base_url,
                "client_id": vault.client_id,
                "client_secret": vault.client_secret,
                "key": vault.partner_api_key,
                "merchant": vault.partner_merchant_id,
                "customer": customer,
                "instrument": vault.save(customer)["instrument_id"],
            }
            return run_program(release, environ, settings)

        yield results


def run_program(release: str, environ: dict[str, str], settings: dict[str, str]) -> Results:
    command = [
        str(environments.python_environment(release)),
        "-W",
        "ignore",
        str(Path(__file__).with_name("routed_sdk.py")),
    ]
    done = subprocess.run(
        command, env=environ, input=json.dumps(settings), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    results: Results = json.loads(done.stdout)
    return results


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def results(release: str, results_of: Callable[[str], Results]) -> Results:
    return results_of(release)


def test_results_are_the_official_models(results: Results, release: str) -> None:
    listed, deleted = RELEASES[release]
    kinds = {
        "listed": listed,
        "fetched": "InstrumentEntity",
        "cryptogram": "CryptogramEntity",
        "deleted": deleted,
        "async": "InstrumentEntity",
    }
    for call, kind in kinds.items():
        assert results[call]["class"].startswith("cashfree_pg.models.")
        assert results[call]["class"].rpartition(".")[2] == kind
        assert (results[call]["status"], results[call]["upper_case_header"], results[call]["raw"]) == (
            200,
            "application/json",
            "str",
        )
    assert results["listed"]["fields"] == results["fetched"]["fields"] == results["async"]["fields"]
    assert results["deleted"]["fields"]["instrument_status"] == "INACTIVE"
    assert results["raw"]["raw"] == "bytes"


def test_error_responses_are_the_official_exceptions(results: Results) -> None:
    assert (
        results["deleted_before"]["raised"],
        results["deleted_before"]["status"],
        results["deleted_before"]["reason"],
    ) == (
        "NotFoundException",
        404,
        "Not Found",
    )
    assert json.loads(results["deleted_before"]["body"])["code"] == "instrument_not_found"
    assert results["unknown_keyword"]["raised"] == "ApiTypeError"


def test_network_errors_and_invalid_ids_are_official_exceptions(results: Results) -> None:
    assert (results["unreachable"]["raised"], results["unreachable"]["status"]) == ("ApiException", 0)
    assert results["dots"]["raised"] == "ApiValueError"


def test_a_partner_can_authenticate(results: Results) -> None:
    assert json.loads(results["partner"]["body"])["code"] == "instrument_type_invalid"


def test_other_methods_are_unchanged(results: Results) -> None:
    assert results["others"]["untouched"]


def test_the_drop_in_cannot_be_routed() -> None:
    with pytest.raises(UsageError, match="drop-in"):
        route_token_vault(cashfree_pg)
