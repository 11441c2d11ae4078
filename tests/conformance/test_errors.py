"""What a merchant's code catches: the SDK's own exception, with Cashfree's error body inside."""

import pytest

from tests.conformance.official import Options, Sdk
from tests.support.http_client import Json

NOBODY = "0192f0c1-7b2a-7c3d-8e4f-5a6b7c8d9e0f"


def test_a_wrong_secret_is_unauthorized(sdk: Sdk, kept_card: Json) -> None:
    refused = sdk.fetch_instrument(*names(kept_card), client_secret="not-the-secret")
    assert (refused.status, refused.error) == (401, sdk.exception(401))
    assert refused.body == {
        "message": "authentication Failed",
        "code": "request_failed",
        "type": "authentication_error",
    }


@pytest.mark.parametrize("call", ["fetch_instruments", "fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_no_call_works_with_a_wrong_secret(sdk: Sdk, kept_card: Json, call: str) -> None:
    which = "card" if call == "fetch_instruments" else kept_card["instrument_id"]
    assert sdk.call(call, kept_card["customer_id"], which, client_secret="not-the-secret").status == 401


def test_an_unknown_merchant_looks_like_a_wrong_secret(sdk: Sdk, kept_card: Json) -> None:
    wrong: list[Options] = [{"client_secret": "not-the-secret"}, {"client_id": "not-a-merchant"}]
    secret, merchant = (sdk.fetch_instrument(*names(kept_card), **option) for option in wrong)
    assert (merchant.status, merchant.error, merchant.body) == (secret.status, secret.error, secret.body)


@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_an_unknown_instrument_is_not_found(sdk: Sdk, customer: str, call: str) -> None:
    refused = sdk.call(call, customer, NOBODY)
    assert (refused.status, refused.error) == (404, sdk.exception(404))
    assert refused.body["code"] == "instrument_not_found"
    assert refused.body["type"] == "invalid_request_error"


@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_another_customers_instrument_looks_unknown(sdk: Sdk, customer: str, kept_card: Json, call: str) -> None:
    others, unknown = sdk.run([sdk.step(call, customer, which) for which in (kept_card["instrument_id"], NOBODY)])
    assert (others.status, others.error, others.body) == (unknown.status, unknown.error, unknown.body)


def test_an_instrument_type_other_than_card_is_refused(sdk: Sdk, customer: str) -> None:
    refused = sdk.fetch_instruments(customer, "bank")
    assert (refused.status, refused.error) == (400, sdk.exception(400))
    assert refused.body["code"] == "instrument_type_invalid"


def names(instrument: Json) -> tuple[str, str]:
    """Gives the two ids that a call needs."""
    return instrument["customer_id"], instrument["instrument_id"]
