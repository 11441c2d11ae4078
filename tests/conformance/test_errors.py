"""The exceptions that merchants catch: those of the SDK, with the error body of the API."""

import pytest

from tests.conformance.official import Options, Sdk
from tests.support.http_client import Json

UNKNOWN = "0192f0c1-7b2a-7c3d-8e4f-5a6b7c8d9e0f"


def test_a_wrong_secret_is_unauthorized(sdk: Sdk, kept_card: Json) -> None:
    rejected = sdk.fetch_instrument(*ids(kept_card), client_secret="not-the-secret")
    assert (rejected.status, rejected.error) == (401, sdk.exception(401))
    assert rejected.body == {
        "message": "authentication Failed",
        "code": "request_failed",
        "type": "authentication_error",
    }


@pytest.mark.parametrize("call", ["fetch_instruments", "fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_every_call_rejects_a_wrong_secret(sdk: Sdk, kept_card: Json, call: str) -> None:
    second = "card" if call == "fetch_instruments" else kept_card["instrument_id"]
    assert sdk.call(call, kept_card["customer_id"], second, client_secret="not-the-secret").status == 401


def test_an_unknown_merchant_has_the_error_of_a_wrong_secret(sdk: Sdk, kept_card: Json) -> None:
    wrong: list[Options] = [{"client_secret": "not-the-secret"}, {"client_id": "not-a-merchant"}]
    secret, merchant = (sdk.fetch_instrument(*ids(kept_card), **option) for option in wrong)
    assert (merchant.status, merchant.error, merchant.body) == (secret.status, secret.error, secret.body)


def test_a_suspended_merchant_is_forbidden(sdk: Sdk, suspended: Options) -> None:
    rejected = sdk.fetch_instruments("anybody", "card", **suspended)
    assert (rejected.status, rejected.error) == (403, sdk.exception(403))
    assert (rejected.body["code"], rejected.body["type"]) == ("merchant_suspended", "authentication_error")


@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_an_unknown_instrument_is_not_found(sdk: Sdk, customer: str, call: str) -> None:
    rejected = sdk.call(call, customer, UNKNOWN)
    assert (rejected.status, rejected.error) == (404, sdk.exception(404))
    assert rejected.body["code"] == "instrument_not_found"
    assert rejected.body["type"] == "invalid_request_error"


@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_the_instrument_of_another_customer_has_the_error_of_an_unknown_one(
    sdk: Sdk, customer: str, kept_card: Json, call: str
) -> None:
    other, unknown = sdk.run([sdk.step(call, customer, each) for each in (kept_card["instrument_id"], UNKNOWN)])
    assert (other.status, other.error, other.body) == (unknown.status, unknown.error, unknown.body)


def test_an_instrument_type_other_than_card_is_rejected(sdk: Sdk, customer: str) -> None:
    rejected = sdk.fetch_instruments(customer, "bank")
    assert (rejected.status, rejected.error) == (400, sdk.exception(400))
    assert rejected.body["code"] == "instrument_type_invalid"


def ids(instrument: Json) -> tuple[str, str]:
    """Return the two ids of a call."""
    return instrument["customer_id"], instrument["instrument_id"]
