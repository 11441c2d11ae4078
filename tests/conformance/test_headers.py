"""The headers that merchants log and use, as the SDKs send and return them."""

from uuid import uuid4

import pytest

from tests.conformance.official import Sdk
from tests.support.http_client import Json

READS = ["fetch_instruments", "fetch_instrument", "fetch_cryptogram"]


@pytest.mark.parametrize("call", [*READS, "delete_instrument"])
def test_a_request_id_is_echoed(sdk: Sdk, customer: str, card: Json, call: str) -> None:
    answer = sdk.call(call, customer, second_argument(call, card), request_id="order-42/attempt-1")
    assert (answer.status, answer.headers["x-request-id"]) == (200, "order-42/attempt-1")


def test_an_error_response_echoes_the_request_id(sdk: Sdk, customer: str) -> None:
    assert sdk.fetch_instrument(customer, "nobody", request_id="req-404").headers["x-request-id"] == "req-404"


def test_a_call_without_a_request_id_receives_one(sdk: Sdk, kept_card: Json) -> None:
    step = sdk.step("fetch_instruments", kept_card["customer_id"], "card")
    first, second = sdk.run([step, step])
    assert first.headers["x-request-id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("call", [*READS, "delete_instrument"])
def test_an_idempotency_key_is_echoed(sdk: Sdk, customer: str, card: Json, call: str) -> None:
    key = str(uuid4())
    answer = sdk.call(call, customer, second_argument(call, card), idempotency_key=key)
    assert (answer.status, answer.headers["x-idempotency-key"]) == (200, key)


def test_a_call_without_a_key_receives_none(sdk: Sdk, kept_card: Json) -> None:
    assert "x-idempotency-key" not in sdk.fetch_instruments(kept_card["customer_id"]).headers


def test_a_first_response_is_not_a_replay(sdk: Sdk, kept_card: Json) -> None:
    answer = sdk.fetch_instruments(kept_card["customer_id"], idempotency_key=str(uuid4()))
    assert answer.headers["x-idempotency-replayed"] == "false"


def test_a_cryptogram_must_not_be_cached(sdk: Sdk, kept_card: Json) -> None:
    answer = sdk.fetch_cryptogram(kept_card["customer_id"], kept_card["instrument_id"])
    assert "no-store" in answer.headers["cache-control"]


def second_argument(call: str, instrument: Json) -> str:
    """Return the second argument of a call: the type for the list, the id for the others."""
    return "card" if call == "fetch_instruments" else instrument["instrument_id"]
