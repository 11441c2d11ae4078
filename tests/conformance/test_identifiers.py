"""Ids as merchants really have them, and ids as broken programs send them: none may ever change the route."""

from collections.abc import Callable

import pytest

from tests.conformance.official import Sdk
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json

AWKWARD = ["siddhesh_desai", "a/b c%é", "a%2Fb", "x?y#z&=;:@+~", "ग्राहक-१", "...", "..a/.."]
LONGEST = 128


@pytest.mark.parametrize("customer_id", AWKWARD)
def test_an_awkward_customer_id_is_one_segment(sdk: Sdk, saved_for: Callable[[str], Json], customer_id: str) -> None:
    saved = saved_for(customer_id)
    fetched = sdk.fetch_instrument(customer_id, saved["instrument_id"])
    assert (fetched.status, fetched.fields["customer_id"]) == (200, customer_id)


def test_a_slash_and_its_escape_are_two_customers(sdk: Sdk, saved_for: Callable[[str], Json]) -> None:
    written, escaped = saved_for("one/two"), saved_for("one%2Ftwo")
    listed = sdk.run([sdk.step("fetch_instruments", customer, "card") for customer in ("one/two", "one%2Ftwo")])
    assert [[entity["instrument_id"] for entity in each.fields] for each in listed] == [
        [written["instrument_id"]],
        [escaped["instrument_id"]],
    ]


def test_an_awkward_instrument_id_is_not_found(sdk: Sdk, customer: str) -> None:
    # The id of a made-up instrument ends in another route's word: it must not be read as a cryptogram call.
    refused = sdk.fetch_instrument(customer, "x?y#z&=;:@+~/cryptogram")
    assert (refused.status, refused.body["code"]) == (404, "instrument_not_found")


def test_an_unfilled_customer_template_is_refused(sdk: Sdk) -> None:
    refused = sdk.fetch_instruments("{customer_id}")
    assert (refused.status, refused.error) == (400, sdk.exception(400))
    assert refused.body["code"] == "customer_id_invalid"


@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_an_unfilled_instrument_template_is_refused(sdk: Sdk, customer: str, call: str) -> None:
    refused = sdk.call(call, customer, "{instrument_id}")
    assert (refused.status, refused.error) == (400, sdk.exception(400))
    assert refused.body["code"] == "instrument_id_invalid"


def test_an_empty_customer_id_is_refused(sdk: Sdk) -> None:
    # Python sends the literal template, Node an empty segment.
    refused = sdk.fetch_instruments("")
    assert (refused.status, refused.body["code"]) == (400, "customer_id_invalid")


def test_an_empty_instrument_id_is_refused(sdk: Sdk, customer: str, card: Json) -> None:
    refused = sdk.delete_instrument(customer, "")
    assert (refused.status, refused.body["code"]) == (400, "instrument_id_invalid")
    assert sdk.fetch_instrument(customer, card["instrument_id"]).status == 200


def test_the_longest_customer_id_is_accepted_and_no_longer_one(sdk: Sdk) -> None:
    accepted, refused = sdk.run(
        [sdk.step("fetch_instruments", "c" * length, "card") for length in (LONGEST, LONGEST + 1)]
    )
    assert accepted.status == 200
    assert (refused.status, refused.body["code"]) == (400, "customer_id_invalid")


@pytest.mark.parametrize("dots", [".", ".."])
@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_dots_for_a_customer_reach_no_card(sdk: Sdk, kept_card: Json, call: str, dots: str) -> None:
    # The SDKs do not escape dots, and their HTTP libraries take them out of the path with the segment before them.
    refused = sdk.call(call, dots, kept_card["instrument_id"])
    assert refused.status in {400, 404}
    assert refused.error == sdk.exception(refused.status)
    assert sdk.fetch_instrument(kept_card["customer_id"], kept_card["instrument_id"]).status == 200


@pytest.mark.parametrize("dots", [".", ".."])
@pytest.mark.parametrize("call", ["fetch_instrument", "fetch_cryptogram", "delete_instrument"])
def test_dots_for_an_instrument_reach_no_card(sdk: Sdk, kept_card: Json, call: str, dots: str) -> None:
    refused = sdk.call(call, kept_card["customer_id"], dots)
    assert refused.status in {400, 404}
    assert refused.error == sdk.exception(refused.status)
    assert sdk.fetch_instrument(kept_card["customer_id"], kept_card["instrument_id"]).status == 200


@pytest.mark.parametrize("dots", [".", "..", "%2E%2E", "%2e"])
def test_dots_that_arrive_as_they_are_are_refused(emulator: Emulator, dots: str) -> None:
    # What a client sends that, unlike the SDKs, leaves its path alone.
    status, problem = emulator.ask("GET", f"/customers/{dots}/instruments?instrument_type=card")
    assert (status, problem["code"]) == (400, "customer_id_invalid")
    status, problem = emulator.ask("DELETE", f"/customers/customer_123/instruments/{dots}")
    assert (status, problem["code"]) == (400, "instrument_id_invalid")
