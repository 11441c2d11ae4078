"""Ids with special characters, and ids of faulty programs. No id can change the route."""

from collections.abc import Callable

import pytest

from tests.conformance.official import Sdk
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json

SPECIAL_IDS = ["siddhesh_desai", "a/b c%é", "a%2Fb", "x?y#z&=;:@+~", "ग्राहक-१", "...", "..a/.."]
MAX_LENGTH = 128


@pytest.mark.parametrize("customer_id", SPECIAL_IDS)
def test_a_customer_id_with_special_characters_is_one_segment(
    sdk: Sdk, saved_for: Callable[[str], Json], customer_id: str
) -> None:
    saved = saved_for(customer_id)
    fetched = sdk.fetch_instrument(customer_id, saved["instrument_id"])
    assert (fetched.status, fetched.fields["customer_id"]) == (200, customer_id)


def test_a_slash_and_its_escape_are_two_customers(sdk: Sdk, saved_for: Callable[[str], Json]) -> None:
    plain, escaped = saved_for("one/two"), saved_for("one%2Ftwo")
    listed = sdk.run([sdk.step("fetch_instruments", customer, "card") for customer in ("one/two", "one%2Ftwo")])
    assert [[entity["instrument_id"] for entity in each.fields] for each in listed] == [
        [plain["instrument_id"]],
        [escaped["instrument_id"]],
    ]


def test_an_instrument_id_with_special_characters_is_not_found(sdk: Sdk, customer: str) -> None:
    # The id ends like the path of the cryptogram route. The server must not route it there.
    rejected = sdk.fetch_instrument(customer, "x?y#z&=;:@+~/cryptogram")
    assert (rejected.status, rejected.body["code"]) == (404, "instrument_not_found")


def test_an_unfilled_customer_template_is_rejected(sdk: Sdk) -> None:
    rejected = sdk.fetch_instruments("{customer_id}")
    assert (rejected.status, rejected.error) == (400, sdk.exception(400))
    assert rejected.body["code"] == "customer_id_invalid"


@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_an_unfilled_instrument_template_is_rejected(sdk: Sdk, customer: str, call: str) -> None:
    rejected = sdk.call(call, customer, "{instrument_id}")
    assert (rejected.status, rejected.error) == (400, sdk.exception(400))
    assert rejected.body["code"] == "instrument_id_invalid"


def test_an_empty_customer_id_is_rejected(sdk: Sdk) -> None:
    # Python sends the literal template, Node sends an empty segment.
    rejected = sdk.fetch_instruments("")
    assert (rejected.status, rejected.body["code"]) == (400, "customer_id_invalid")


def test_an_empty_instrument_id_is_rejected(sdk: Sdk, customer: str, card: Json) -> None:
    rejected = sdk.delete_instrument(customer, "")
    assert (rejected.status, rejected.body["code"]) == (400, "instrument_id_invalid")
    assert sdk.fetch_instrument(customer, card["instrument_id"]).status == 200


def test_a_customer_id_has_a_maximal_length(sdk: Sdk) -> None:
    accepted, rejected = sdk.run(
        [sdk.step("fetch_instruments", "c" * length, "card") for length in (MAX_LENGTH, MAX_LENGTH + 1)]
    )
    assert accepted.status == 200
    assert (rejected.status, rejected.body["code"]) == (400, "customer_id_invalid")


@pytest.mark.parametrize("dots", [".", ".."])
@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_a_dot_segment_as_customer_id_reaches_no_card(sdk: Sdk, kept_card: Json, call: str, dots: str) -> None:
    # The SDKs do not escape dots. Their HTTP libraries remove them, with the previous segment, from the path.
    rejected = sdk.call(call, dots, kept_card["instrument_id"])
    assert rejected.status in {400, 404}
    assert rejected.error == sdk.exception(rejected.status)
    assert sdk.fetch_instrument(kept_card["customer_id"], kept_card["instrument_id"]).status == 200


@pytest.mark.parametrize("dots", [".", ".."])
@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_a_dot_segment_as_instrument_id_reaches_no_card(sdk: Sdk, kept_card: Json, call: str, dots: str) -> None:
    rejected = sdk.call(call, kept_card["customer_id"], dots)
    assert rejected.status in {400, 404}
    assert rejected.error == sdk.exception(rejected.status)
    assert sdk.fetch_instrument(kept_card["customer_id"], kept_card["instrument_id"]).status == 200


@pytest.mark.parametrize("dots", [".", "..", "%2E%2E", "%2e"])
def test_a_dot_segment_that_arrives_unchanged_is_rejected(emulator: Emulator, dots: str) -> None:
    # Unlike the SDKs, this client does not normalise the path.
    status, problem = emulator.ask("GET", f"/customers/{dots}/instruments?instrument_type=card")
    assert (status, problem["code"]) == (400, "customer_id_invalid")
    status, problem = emulator.ask("DELETE", f"/customers/customer_123/instruments/{dots}")
    assert (status, problem["code"]) == (400, "instrument_id_invalid")
