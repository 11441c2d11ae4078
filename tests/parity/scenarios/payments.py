"""The models of orders, payments and refunds, and the requests that merchants build of them."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import each, scenario
from tests.parity.styles import Sdk, module

CARD = {
    "channel": "post",
    "card_number": "XXXXXXXXXXXX2123",
    "card_network": "visa",
    "card_type": "debit_card",
    "card_country": "IN",
    "card_bank_name": "HDFC BANK",
    "instrument_id": "i1",
}
PAYMENT = {
    "cf_payment_id": "12345",
    "order_id": "order_1",
    "entity": "payment",
    "is_captured": True,
    "order_amount": 170.5,
    "payment_amount": 170,
    "payment_status": "SUCCESS",
    "payment_message": "00::Transaction success",
    "payment_method": {"card": CARD},
    "error_details": {"error_code": "TRANSACTION_DECLINED", "error_reason": "auth_declined"},
    "colour": "blue",
}
ENTITIES: dict[str, dict[str, Any]] = {
    "OrderEntity": {
        "cf_order_id": "1",
        "order_id": "order_1",
        "order_amount": 170.5,
        "order_status": "ACTIVE",
        "payment_session_id": "session_x",
        "customer_details": {"customer_id": "asha", "customer_phone": "9999999999"},
        "order_meta": {"return_url": "https://shop.example"},
        "order_tags": {"a": "b"},
    },
    "PayOrderEntity": {
        "payment_amount": 170.5,
        "cf_payment_id": "12345",
        "payment_method": "card",
        "channel": "link",
        "action": "link",
        "data": {"url": "https://bank.example", "payload": None},
    },
    "OrderAuthenticateEntity": {
        "cf_payment_id": "12345",
        "action": "SUBMIT_OTP",
        "authenticate_status": "FAILED",
        "payment_message": "otp is invalid",
    },
    "PaymentEntity": PAYMENT,
    "RefundEntity": {
        "cf_payment_id": "12345",
        "cf_refund_id": "678",
        "refund_id": "r1",
        "entity": "refund",
        "refund_amount": 1,
        "refund_status": "PENDING",
        "refund_splits": [],
        "refund_speed": {"requested": "STANDARD", "accepted": "STANDARD"},
    },
    "SimulationResponse": {
        "simulation_id": "sim_1",
        "entity": "PAYMENTS",
        "entity_id": "12345",
        "entity_simulation": {"payment_status": "FAILED"},
    },
}


@each("{} as an answer", list(ENTITIES))
def answer(sdk: Sdk, name: str) -> Any:
    return getattr(module("models"), name).from_dict(ENTITIES[name]).to_dict()


@scenario("the card of a payment")
def card_of_payment(sdk: Sdk) -> Any:
    method = module("models").PaymentEntity.from_dict(PAYMENT).payment_method
    return method["card"] if sdk.style < 6 else method.actual_instance.card.to_dict()


@scenario("a request to create an order")
def create_order(sdk: Sdk) -> Any:
    models = module("models")
    customer = models.CustomerDetails(customer_id="asha", customer_phone="9999999999")
    meta = models.OrderMeta(return_url="https://shop.example")
    request = models.CreateOrderRequest(
        order_id="order_1", order_amount=170.5, order_currency="INR", customer_details=customer, order_meta=meta
    )
    return request.to_dict()


@scenario("a request to pay with a card")
def pay_order(sdk: Sdk) -> Any:
    models = module("models")
    card = models.Card(channel="post", card_number="4706131211212123", card_cvv="123")
    method = models.PayOrderRequestPaymentMethod(models.CardPaymentMethod(card=card))
    return models.PayOrderRequest(payment_session_id="s", payment_method=method, save_instrument=True).to_dict()


@each("a request without {}", ["CreateOrderRequest", "PayOrderRequest", "Card", "OrderCreateRefundRequest"])
def missing(sdk: Sdk, name: str) -> Any:
    return getattr(module("models"), name)()


@scenario("other requests")
def others(sdk: Sdk) -> Any:
    models = module("models")
    simulation = models.EntitySimulationRequest(payment_status="FAILED")
    return [
        models.OrderAuthenticatePaymentRequest(otp="111000", action="SUBMIT_OTP").to_dict(),
        models.TerminateOrderRequest(order_status="TERMINATED").to_dict(),
        models.OrderCreateRefundRequest(refund_amount=1.5, refund_id="abc").to_dict(),
        models.SimulateRequest(entity="PAYMENTS", entity_id="1", entity_simulation=simulation).to_dict(),
    ]
