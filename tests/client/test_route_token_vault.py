"""The official SDK stays, and its Token Vault calls go through our client: its models, its exceptions, our manners."""

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

Seen = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def seen_by(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Seen]]:
    """Makes the calls with a release when first asked, against one vault."""
    environ = environ_with_client(tmp_path_factory.mktemp("needed"))
    with emulator("--no-rate-limits") as vault:

        @functools.cache
        def seen(release: str) -> Seen:
            customer = f"routed_{release}"
            told = {
                "nobody": f"http://127.0.0.1:{free_port()}/pg",
                "base_url": vault.base_url,
                "client_id": vault.client_id,
                "client_secret": vault.client_secret,
                "key": vault.partner_api_key,
                "merchant": vault.partner_merchant_id,
                "customer": customer,
                "instrument": vault.save(customer)["instrument_id"],
            }
            return called(release, environ, told)

        yield seen


def called(release: str, environ: dict[str, str], told: dict[str, str]) -> Seen:
    command = [
        str(environments.python_environment(release)),
        "-W",
        "ignore",
        str(Path(__file__).with_name("routed.py")),
    ]
    done = subprocess.run(
        command, env=environ, input=json.dumps(told), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: Seen = json.loads(done.stdout)
    return seen


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def seen(release: str, seen_by: Callable[[str], Seen]) -> Seen:
    return seen_by(release)


def test_answers_are_the_official_models(seen: Seen, release: str) -> None:
    listed, deleted = RELEASES[release]
    kinds = {
        "listed": listed,
        "fetched": "InstrumentEntity",
        "cryptogram": "CryptogramEntity",
        "deleted": deleted,
        "later": "InstrumentEntity",
    }
    for call, kind in kinds.items():
        assert seen[call]["class"].startswith("cashfree_pg.models.")
        assert seen[call]["class"].rpartition(".")[2] == kind
        assert (seen[call]["status"], seen[call]["shouted"], seen[call]["raw"]) == (200, "application/json", "str")
    assert seen["listed"]["fields"] == seen["fetched"]["fields"] == seen["later"]["fields"]
    assert seen["deleted"]["fields"]["instrument_status"] == "INACTIVE"
    assert seen["raw"]["raw"] == "bytes"


def test_refusals_are_the_official_exceptions(seen: Seen) -> None:
    assert (seen["gone"]["raised"], seen["gone"]["status"], seen["gone"]["reason"]) == (
        "NotFoundException",
        404,
        "Not Found",
    )
    assert json.loads(seen["gone"]["body"])["code"] == "instrument_not_found"
    assert seen["odd"]["raised"] == "ApiTypeError"


def test_what_the_official_package_leaks_or_sends_is_an_exception_of_its_own(seen: Seen) -> None:
    assert (seen["unreachable"]["raised"], seen["unreachable"]["status"]) == ("ApiException", 0)
    assert seen["dots"]["raised"] == "ApiValueError"


def test_a_partner_can_sign_in(seen: Seen) -> None:
    assert json.loads(seen["partner"]["body"])["code"] == "instrument_type_invalid"


def test_other_methods_are_left_alone(seen: Seen) -> None:
    assert seen["others"]["untouched"]


def test_the_drop_in_needs_no_routing() -> None:
    with pytest.raises(UsageError, match="drop-in"):
        route_token_vault(cashfree_pg)
