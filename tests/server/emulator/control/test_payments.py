"""Orders and payments are steered like saved cards: they fail, are journalled, forgotten, and the same each time."""

from __future__ import annotations

import pytest

from tests.support.embedded import ask
from tests.support.http_client import Answer
from tokenvault_server.embedded import Emulator
from tokenvault_server.emulator.redaction import HIDDEN

CARD = {
    "channel": "post",
    "card_number": "4706131211212123",
    "card_holder_name": "Test",
    "card_expiry_mm": "03",
    "card_expiry_yy": "28",
    "card_cvv": "123",
}


def order(emulator: Emulator, customer: str = "asha", order_id: str = "order_1") -> Answer:
    body = {
        "order_id": order_id,
        "order_amount": 10.5,
        "order_currency": "INR",
        "customer_details": {"customer_id": customer, "customer_phone": "9999999999"},
    }
    return ask(emulator, "POST", "/orders", body)


def pay(emulator: Emulator, session: str) -> Answer:
    return ask(emulator, "POST", "/orders/sessions", {"payment_session_id": session, "payment_method": {"card": CARD}})


def test_a_rule_fails_an_operation_of_payments_by_the_orders_customer(emulator: Emulator) -> None:
    emulator.faults.add(operation="create_order", customer="ravi", status=500)
    assert [order(emulator, customer, f"order_{customer}").status for customer in ("asha", "ravi")] == [200, 500]


def test_the_journal_hides_what_a_payment_carries(emulator: Emulator) -> None:
    session = order(emulator).json()["payment_session_id"]
    assert pay(emulator, session).status == 200
    (created,) = emulator.requests.find(operation="create_order")
    assert created.body["customer_details"] == {"customer_id": "asha", "customer_phone": HIDDEN}
    (paid,) = emulator.requests.find(operation="pay_order")
    assert paid.body["payment_session_id"] == HIDDEN
    assert set(paid.body["payment_method"]["card"].values()) == {HIDDEN, "post"}
    for hidden in (session, CARD["card_number"], "9999999999"):
        assert hidden not in str(emulator.requests.find())


def test_a_reset_forgets_orders_and_a_snapshot_keeps_them(emulator: Emulator) -> None:
    order(emulator)
    snapshot = emulator.snapshot()
    emulator.reset()
    assert ask(emulator, "GET", "/orders/order_1").status == 404
    emulator.restore(snapshot)
    assert ask(emulator, "GET", "/orders/order_1").json()["order_status"] == "ACTIVE"


def test_an_order_expires_when_the_clock_reaches_its_end(emulator: Emulator) -> None:
    order(emulator)
    emulator.clock.advance(days=40)
    assert ask(emulator, "GET", "/orders/order_1").json()["order_status"] == "EXPIRED"


def test_a_number_makes_the_same_sessions_and_payments() -> None:
    def paid() -> list[object]:
        with Emulator(seed=7) as emulator:
            created = order(emulator).json()
            return [created, pay(emulator, created["payment_session_id"]).json()["cf_payment_id"]]

    assert paid() == paid()


@pytest.mark.parametrize("event", ["PAYMENT_SUCCESS_WEBHOOK", "REFUND_STATUS_WEBHOOK"])
def test_webhooks_of_payments_have_faults_too(emulator: Emulator, event: str) -> None:
    assert emulator.faults.add(event=event, webhook="drop").match.event == event
