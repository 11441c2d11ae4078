"""A saved card's life with the unmodified official SDKs, from the order that saves it to its refund."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.conformance.journey import RETURN_URL, Deliveries, Journey, travel
from tests.conformance.official import Driver, Release, Sdk
from tests.support import emulator_process as emulators
from tests.support.emulator_process import VISA_DEBIT, Emulator
from tests.support.webhook_listener import ReceivedAttempt, listening


@pytest.fixture(scope="module")
def emulator_and_deliveries() -> Iterator[tuple[Emulator, Deliveries]]:
    """Run an emulator that sends its events to a listener."""
    with listening() as listener, emulators.emulator("--no-rate-limits", "--webhook-url", listener.url) as running:
        yield running, Deliveries(listener)


@pytest.fixture(scope="module")
def journey_of(
    emulator_and_deliveries: tuple[Emulator, Deliveries], driver_of: Callable[[Release], Driver]
) -> Callable[[Release], Journey]:
    """Return a function that makes the journey with a release, once."""
    emulator, _ = emulator_and_deliveries

    @functools.cache
    def journey(release: Release) -> Journey:
        return travel(Sdk(release, driver_of(release), emulator), f"asha_{uuid4().hex[:12]}")

    return journey


@pytest.fixture
def journey(journey_of: Callable[[Release], Journey], release: Release) -> Journey:
    return journey_of(release)


@pytest.fixture
def deliveries(emulator_and_deliveries: tuple[Emulator, Deliveries]) -> Deliveries:
    return emulator_and_deliveries[1]


def test_no_call_fails_but_those_that_must(journey: Journey) -> None:
    must = {"otp after the end": 400, "refund_c": 400, "pay after the end": 404, "pay with_deleted": 404}
    failed = {step: outcome.status for step, outcome in journey.outcomes.items() if outcome.error}
    assert failed == must


def test_an_order_is_created_for_a_customer(journey: Journey) -> None:
    order = journey.fields("create saving")
    assert (order["order_status"], order["order_amount"], order["order_currency"]) == ("ACTIVE", 170.5, "INR")
    assert order["customer_details"]["customer_id"] == journey.customer
    assert order["order_meta"]["return_url"] == RETURN_URL
    assert order["order_tags"] == {"colour": "blue"}
    assert isinstance(order["cf_order_id"], str)


def test_a_payment_by_otp_says_where_the_otp_goes(journey: Journey) -> None:
    started = journey.fields("pay saving")
    assert (started["action"], started["channel"], started["payment_method"]) == ("post", "post", "card")
    assert started["data"]["url"].endswith(f"/pg/orders/pay/authenticate/{started['cf_payment_id']}")


def test_a_payment_by_link_says_where_the_page_of_the_bank_is(journey: Journey) -> None:
    started = journey.fields("pay to be FAILED")
    assert (started["action"], started["channel"]) == ("link", "link")
    assert "/pg/view/gateway/" in started["data"]["url"]


def test_a_wrong_otp_is_rejected_and_the_right_one_pays(journey: Journey) -> None:
    wrong, right = journey.fields("wrong otp"), journey.fields("right otp")
    assert (wrong["authenticate_status"], wrong["payment_message"]) == ("FAILED", "otp is invalid")
    assert (right["authenticate_status"], right["payment_message"]) == ("SUCCESS", "payment successful")
    assert journey.fields("order")["order_status"] == "PAID"


def test_an_otp_after_the_end_is_refused(journey: Journey) -> None:
    refused = journey.outcomes["otp after the end"].body
    assert (refused["code"], refused["message"]) == ("request_invalid", "Transaction is already processed")


def test_the_payment_is_the_reference_of_the_saved_card(journey: Journey) -> None:
    payment, card = journey.fields("payment"), journey.fields("instrument")
    assert card["afa_reference"] == payment["cf_payment_id"]
    assert card["instrument_id"] == payment["payment_method"]["card"]["instrument_id"]
    assert [each["instrument_id"] for each in journey.fields("instruments")] == [card["instrument_id"]]
    assert journey.fields("payments") == [payment]


def test_a_payment_shows_its_card_masked(journey: Journey) -> None:
    card = journey.fields("payment")["payment_method"]["card"]
    assert card["card_number"] == f"XXXXXXXXXXXX{VISA_DEBIT[-4:]}"
    assert (card["card_network"], card["card_type"], card["channel"]) == ("visa", "debit_card", "post")


def test_a_saved_card_and_a_token_with_a_cryptogram_pay(journey: Journey) -> None:
    assert journey.fields("by instrument")["payment_message"] == "payment successful"
    assert journey.fields("by token")["payment_message"] == "payment successful"
    assert journey.fields("payment by_token")["payment_status"] == "SUCCESS"


def test_a_replayed_cryptogram_is_declined_by_the_bank(journey: Journey) -> None:
    payment = journey.fields("payment by_replay")
    assert journey.fields("by replay")["payment_message"] == "payment failed"
    assert payment["payment_status"] == "FAILED"
    assert payment["error_details"]["error_code"] == "TRANSACTION_DECLINED"
    assert payment["error_details"]["error_code_raw"] == "replayed"


def test_refunds_are_made_up_to_the_amount_of_the_order(journey: Journey) -> None:
    assert journey.fields("refund_a")["refund_status"] == "PENDING"
    assert journey.fields("refund")["refund_status"] == "SUCCESS"
    assert [each["refund_amount"] for each in journey.fields("refunds")] == [100.0, 70.5]
    assert journey.outcomes["refund_c"].body["code"] == "refund_amount_invalid"


def test_a_simulation_ends_a_payment(journey: Journey) -> None:
    statuses = [each["payment_status"] for each in journey.fields("dropped and failed")]
    assert sorted(statuses) == ["FAILED", "USER_DROPPED"]
    assert journey.fields("simulation FAILED") == journey.fields("simulate FAILED")


def test_an_ended_order_cannot_be_paid(journey: Journey) -> None:
    assert journey.fields("terminated")["order_status"] == "TERMINATED"
    assert journey.outcomes["pay after the end"].body["code"] == "orderpay_not_found"


def test_a_deleted_card_does_not_pay(journey: Journey) -> None:
    assert journey.outcomes["pay with_deleted"].body["code"] == "instrument_not_found"


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("PAYMENT_SUCCESS_WEBHOOK", "saving"),
        ("PAYMENT_FAILED_WEBHOOK", "by_replay"),
        ("PAYMENT_USER_DROPPED_WEBHOOK", "simulated"),
        ("REFUND_STATUS_WEBHOOK", "saving"),
        ("INSTRUMENT_ACTIVE_WEBHOOK", ""),
    ],
)
def test_the_sdk_verifies_every_event_of_the_journey(
    journey: Journey, deliveries: Deliveries, event_type: str, name: str
) -> None:
    def belongs(data: Any) -> bool:
        if "instrument" in data:
            return bool(data["instrument"]["customer_id"] == journey.customer)
        return bool((data.get("refund") or data["order"])["order_id"] == journey.order_id(name))

    attempt: ReceivedAttempt = deliveries.of(event_type, belongs)
    verified = journey.sdk.verify_webhook(attempt.headers, attempt.body)
    assert (verified["error"], verified["type"]) == (None, event_type)
    assert VISA_DEBIT.encode() not in attempt.body
