"""A saved card's whole life with one SDK: saved with a payment, paid with in three ways, refunded, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.official import Outcome, Sdk
from tests.support.emulator_process import VISA_DEBIT
from tests.support.http_client import Json
from tests.support.webhook_listener import Listener, ReceivedAttempt

OTP = "111000"
RETURN_URL = "https://shop.example/thanks?order={order_id}"
CARD = {"card_number": VISA_DEBIT, "card_expiry_mm": "03", "card_expiry_yy": "29", "card_cvv": "123"}
TOKEN_FIELDS = (
    "card_number",
    "card_expiry_mm",
    "card_expiry_yy",
    "cryptogram",
    "token_requestor_id",
    "card_display",
)


def model(name: str, **fields: object) -> Json:
    """Return a model to build."""
    return {"model": name, "fields": fields}


@dataclass(slots=True)
class Deliveries:
    """The deliveries that arrived, whichever journey they belong to."""

    listener: Listener
    arrived: list[tuple[Json, ReceivedAttempt]] = field(default_factory=list)

    def of(self, event_type: str, belongs: Callable[[Json], bool]) -> ReceivedAttempt:
        """Return the first delivery of a type that belongs to a journey; wait for it."""
        known = 0
        while True:
            for event, attempt in self.arrived[known:]:
                if event["type"] == event_type and belongs(event["data"]):
                    return attempt
            known = len(self.arrived)
            attempt = self.listener.next()
            self.arrived.append((json.loads(attempt.body), attempt))


@dataclass(slots=True)
class Journey:
    """The calls of one journey, each with its outcome, in the order in which they were made."""

    sdk: Sdk
    customer: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def call(self, step: str, method: str, *arguments: object) -> Outcome:
        """Make one call and keep its outcome."""
        self.outcomes[step] = self.sdk.do(method, *arguments)
        return self.outcomes[step]

    def fields(self, step: str) -> Any:
        """Return the fields of an outcome, as the SDK gives them to a merchant."""
        return self.outcomes[step].fields

    def create_order(self, name: str, amount: float = 170.5) -> str:
        """Create an order and return its session."""
        customer = model("CustomerDetails", customer_id=self.customer, customer_phone="9999999999")
        request = model(
            "CreateOrderRequest",
            order_id=self.order_id(name),
            order_amount=amount,
            order_currency="INR",
            customer_details=customer,
            order_meta=model("OrderMeta", return_url=RETURN_URL),
            order_note="a note",
            order_tags={"colour": "blue"},
        )
        return str(self.call(f"create {name}", "PGCreateOrder", request).body["payment_session_id"])

    def pay(self, name: str, session: str, card: Json, *, channel: str = "post", **more: object) -> str:
        """Start a payment and return its id."""
        method = {
            "model": "PayOrderRequestPaymentMethod",
            "of": model("CardPaymentMethod", card=model("Card", channel=channel, **card)),
        }
        request = model("PayOrderRequest", payment_session_id=session, payment_method=method, **more)
        outcome = self.call(f"pay {name}", "PGPayOrder", request)
        return str(outcome.body["cf_payment_id"]) if outcome.status == 200 else ""

    def submit(self, step: str, cf_payment_id: str, otp: str = OTP) -> None:
        """Submit a one-time password."""
        request = model("OrderAuthenticatePaymentRequest", otp=otp, action="SUBMIT_OTP")
        self.call(step, "PGOrderAuthenticatePayment", cf_payment_id, request)

    def order_id(self, name: str) -> str:
        """Return the id of an order of this journey."""
        return f"{self.customer}_{name}"


def travel(sdk: Sdk, customer: str) -> Journey:
    """Make all calls of the journey."""
    journey = Journey(sdk, customer)
    paid = save_a_card(journey)
    instrument = str(journey.fields("payment")["payment_method"]["card"]["instrument_id"])
    journey.outcomes["instruments"] = sdk.fetch_instruments(customer)
    journey.outcomes["instrument"] = sdk.fetch_instrument(customer, instrument)
    pay_again(journey, instrument)
    refund_and_end(journey, paid)
    journey.outcomes["deleted"] = sdk.delete_instrument(customer, instrument)
    session = journey.create_order("with_deleted")
    journey.pay("with_deleted", session, {"instrument_id": instrument})
    return journey


def save_a_card(journey: Journey) -> str:
    """Pay an order with a card and save the card; return the id of the payment."""
    session = journey.create_order("saving")
    cf_payment_id = journey.pay("saving", session, CARD, save_instrument=True)
    journey.submit("wrong otp", cf_payment_id, "111001")
    journey.submit("right otp", cf_payment_id)
    journey.submit("otp after the end", cf_payment_id)
    order_id = journey.order_id("saving")
    journey.call("order", "PGFetchOrder", order_id)
    journey.call("payments", "PGOrderFetchPayments", order_id)
    journey.call("payment", "PGOrderFetchPayment", order_id, cf_payment_id)
    return cf_payment_id


def pay_again(journey: Journey, instrument: str) -> None:
    """Pay with the saved card, with its token and a cryptogram, and with the same cryptogram again."""
    session = journey.create_order("by_instrument")
    journey.submit("by instrument", journey.pay("by_instrument", session, {"instrument_id": instrument}))
    fetched = journey.outcomes["cryptogram"] = journey.sdk.fetch_cryptogram(journey.customer, instrument)
    token = {name: fetched.body[name] for name in TOKEN_FIELDS}
    for name in ("by_token", "by_replay"):
        session = journey.create_order(name)
        cf_payment_id = journey.pay(name, session, token)
        journey.submit(name.replace("_", " "), cf_payment_id)
        journey.call(f"payment {name}", "PGOrderFetchPayment", journey.order_id(name), cf_payment_id)


def refund_and_end(journey: Journey, paid: str) -> None:
    """Refund an order twice and once too much, drop and fail payments, and end an order."""
    order_id = journey.order_id("saving")
    for refund_id, amount in (("refund_a", 100.0), ("refund_b", 70.5), ("refund_c", 0.01)):
        fields = {"refund_amount": amount, "refund_id": refund_id, "refund_note": "a note", "refund_speed": "INSTANT"}
        journey.call(refund_id, "PGOrderCreateRefund", order_id, model("OrderCreateRefundRequest", **fields))
    journey.call("refund", "PGOrderFetchRefund", order_id, "refund_a")
    journey.call("refunds", "PGOrderFetchRefunds", order_id)
    session = journey.create_order("simulated")
    for status in ("USER_DROPPED", "FAILED"):
        cf_payment_id = journey.pay(f"to be {status}", session, CARD, channel="link")
        simulation = model("EntitySimulationRequest", payment_status=status)
        request = model("SimulateRequest", entity="PAYMENTS", entity_id=cf_payment_id, entity_simulation=simulation)
        simulated = journey.call(f"simulate {status}", "PGSimulatePayment", request)
        journey.call(f"simulation {status}", "PGFetchSimulation", simulated.body["simulation_id"])
    journey.call("dropped and failed", "PGOrderFetchPayments", journey.order_id("simulated"))
    termination = model("TerminateOrderRequest", order_status="TERMINATED")
    journey.call("terminated", "PGTerminateOrder", journey.order_id("simulated"), termination)
    journey.pay("after the end", session, CARD)
    assert paid
