"""The four examples of the published document run unchanged against a vault: names, order and keywords."""

# The examples keep their prints, their broad `except` and their formatting.
# ruff: noqa: BLE001, T201, T203, UP031
# mypy: disable-error-code="possibly-undefined"

from __future__ import annotations

import time  # noqa: F401  # the document imports it
from pprint import pprint
from uuid import uuid4

import pytest

import cashfree_pg
from cashfree_pg import Cashfree
from cashfree_pg.models.cryptogram_entity import CryptogramEntity
from cashfree_pg.models.instrument_entity import InstrumentEntity
from cashfree_pg.rest import ApiException
from tests.support.emulator_process import VISA_DEBIT, Emulator

customer_id = "asha"
instrument_type = "card"
x_request_id = "order-17"


@pytest.fixture(autouse=True)
def configured(vault: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what every example sets at its top, with real values. An environment variable names the vault."""
    monkeypatch.setenv("CASHFREE_BASE_URL", vault.base_url)
    Cashfree.XClientId = vault.client_id
    Cashfree.XClientSecret = vault.client_secret
    Cashfree.XEnvironment = Cashfree.Sandbox


@pytest.fixture
def instrument_id(vault: Emulator) -> str:
    return str(vault.save(customer_id)["instrument_id"])


@pytest.fixture
def x_idempotency_key() -> str:
    return str(uuid4())


x_api_version = "2022-09-01"


def test_the_example_that_deletes_a_card_runs(
    instrument_id: str, x_idempotency_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        # Delete Saved Card Instrument
        api_response = Cashfree().PGCustomerDeleteInstrument(
            x_api_version, customer_id, instrument_id, x_request_id=x_request_id, x_idempotency_key=x_idempotency_key
        )
        print("The response of TokenVaultApi->PGCustomerDeleteInstrument:\n")
        pprint(api_response)
    except Exception as e:
        print("Exception when calling TokenVaultApi->PGCustomerDeleteInstrument: %s\n" % e)
    assert api_response.status_code == 200
    assert isinstance(api_response.data, InstrumentEntity)
    assert api_response.data.instrument_status == "INACTIVE"
    assert api_response.headers["x-idempotency-key"] == x_idempotency_key
    assert "The response of TokenVaultApi" in capsys.readouterr().out


def test_the_example_that_fetches_a_card_runs(
    instrument_id: str, x_idempotency_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        # Fetch Specific Saved Card Instrument
        api_response = Cashfree().PGCustomerFetchInstrument(
            x_api_version, customer_id, instrument_id, x_request_id=x_request_id, x_idempotency_key=x_idempotency_key
        )
        print("The response of TokenVaultApi->PGCustomerFetchInstrument:\n")
        pprint(api_response)
    except Exception as e:
        print("Exception when calling TokenVaultApi->PGCustomerFetchInstrument: %s\n" % e)
    assert isinstance(api_response.data, InstrumentEntity)
    assert api_response.data.instrument_id == instrument_id
    assert api_response.data.instrument_display == f"xxxxxxxxxxxx{VISA_DEBIT[-4:]}"
    assert api_response.headers["x-api-version"] == x_api_version
    assert api_response.headers["x-request-id"] == x_request_id
    assert instrument_id in capsys.readouterr().out


def test_the_example_that_fetches_all_cards_runs(
    instrument_id: str, x_idempotency_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        # Fetch All Saved Card Instrument
        api_response = Cashfree().PGCustomerFetchInstruments(
            x_api_version, customer_id, instrument_type, x_request_id=x_request_id, x_idempotency_key=x_idempotency_key
        )
        print("The response of TokenVaultApi->PGCustomerFetchInstruments:\n")
        pprint(api_response)
    except Exception as e:
        print("Exception when calling TokenVaultApi->PGCustomerFetchInstruments: %s\n" % e)
    assert {type(each) for each in api_response.data} == {InstrumentEntity}
    assert instrument_id in [each.instrument_id for each in api_response.data]
    assert instrument_id in capsys.readouterr().out


def test_the_example_that_fetches_a_cryptogram_runs(
    instrument_id: str, x_idempotency_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        # Fetch cryptogram for a saved card instrument
        api_response = Cashfree().PGCustomerInstrumentsFetchCryptogram(
            x_api_version, customer_id, instrument_id, x_request_id=x_request_id, x_idempotency_key=x_idempotency_key
        )
        print("The response of TokenVaultApi->PGCustomerInstrumentsFetchCryptogram:\n")
        pprint(api_response)
    except Exception as e:
        print("Exception when calling TokenVaultApi->PGCustomerInstrumentsFetchCryptogram: %s\n" % e)
    assert isinstance(api_response.data, CryptogramEntity)
    assert api_response.data.card_display == VISA_DEBIT[-4:]
    assert api_response.data.cryptogram
    assert api_response.data.cryptogram not in capsys.readouterr().out


def test_the_example_prints_an_error_response(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        cashfree_pg.Cashfree().PGCustomerFetchInstrument(x_api_version, customer_id, "nobody", x_request_id="r1")
    except ApiException as e:
        print("Exception when calling TokenVaultApi->PGCustomerFetchInstrument: %s\n" % e)
    printed = capsys.readouterr().out
    assert "PGCustomerFetchInstrument: (404)\nReason: Not Found\nHTTP response headers: HTTPHeaderDict({" in printed
    assert '"code":"instrument_not_found"' in printed
