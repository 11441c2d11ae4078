"""A shop that takes payments through the real pipeline of an emulator, without a server."""

from __future__ import annotations

import json
from typing import Any

from tests.server.api.calls import Answer, Client
from tests.support.builders import VISA
from tokenvault_server.emulator.payments.setup import Journey
from tokenvault_server.emulator.payments.states import OTP

CARD = {"card_number": VISA, "card_expiry_mm": "03", "card_expiry_yy": "29", "card_cvv": "123"}
CUSTOMER = "customer-1"
TOKEN_FIELDS = ("card_number", "card_expiry_mm", "card_expiry_yy", "cryptogram", "token_requestor_id", "card_display")


class Shop:
    """A merchant's calls, with bodies that are valid unless a test changes them."""

    def __init__(self, client: Client, journey: Journey) -> None:
        self.client = client
        self.journey = journey

    async def ask(self, method: str, path: str, body: object = None, **headers: str | None) -> Answer:
        """Make one call with the merchant's credentials."""
        encoded = b"" if body is None else json.dumps(body).encode()
        options: Any = headers
        return await self.client.call(method, f"/pg{path}", query="", body=encoded, **options)

    async def ask_without_credentials(self, method: str, path: str, body: object, **headers: str | None) -> Answer:
        """Make one call as a browser does."""
        return await self.ask(method, path, body, x_client_id=None, x_client_secret=None, **headers)

    async def order(self, order_id: str = "order_1", **fields: Any) -> dict[str, Any]:
        """Create an order and return it."""
        answer = await self.ask("POST", "/orders", order_body(order_id=order_id, **fields))
        assert answer.status == 200, answer.body
        created: dict[str, Any] = answer.body
        return created

    async def pay(self, order: dict[str, Any], card: dict[str, Any] | None = None, **more: Any) -> Answer:
        """Start a payment."""
        details = {"channel": "post", **(CARD if card is None else card)}
        body = {
            "payment_session_id": order["payment_session_id"],
            "payment_method": {"card": details},
            **more,
        }
        return await self.ask_without_credentials("POST", "/orders/sessions", body)

    async def start(self, order: dict[str, Any], card: dict[str, Any] | None = None, **more: Any) -> str:
        """Start a payment and return its id."""
        answer = await self.pay(order, card, **more)
        assert answer.status == 200, answer.body
        return str(answer.body["cf_payment_id"])

    async def authenticate(self, cf_payment_id: str, otp: str | int | None = OTP) -> Answer:
        """Submit a one-time password, or have it sent again."""
        body = {"action": "RESEND_OTP"} if otp is None else {"action": "SUBMIT_OTP", "otp": otp}
        return await self.ask_without_credentials("POST", f"/orders/pay/authenticate/{cf_payment_id}", body)

    async def paid(self, order_id: str = "order_1", **more: Any) -> str:
        """Create an order, pay it, and return the id of the payment."""
        cf_payment_id = await self.start(await self.order(order_id), **more)
        answer = await self.authenticate(cf_payment_id)
        assert answer.body["payment_message"] == "payment successful", answer.body
        return cf_payment_id

    async def saved(self) -> str:
        """Save a card with a payment and return its id."""
        payment = await self.payment("order_s", await self.paid("order_s", save_instrument=True))
        return str(payment["payment_method"]["card"]["instrument_id"])

    async def token(self, instrument_id: str) -> dict[str, str]:
        """Fetch a cryptogram and return the token as a card to pay with."""
        path = f"/customers/{CUSTOMER}/instruments/{instrument_id}/cryptogram"
        fetched = await self.ask("GET", path)
        return {name: fetched.body[name] for name in TOKEN_FIELDS}

    async def status(self, order_id: str = "order_1") -> str:
        """Return the status of an order."""
        return str((await self.ask("GET", f"/orders/{order_id}")).body["order_status"])

    async def payment(self, order_id: str, cf_payment_id: str, **headers: str | None) -> dict[str, Any]:
        """Return a payment."""
        answer = await self.ask("GET", f"/orders/{order_id}/payments/{cf_payment_id}", **headers)
        assert answer.status == 200, answer.body
        fetched: dict[str, Any] = answer.body
        return fetched

    async def refund(
        self, amount: float, refund_id: str = "refund_1", order_id: str = "order_1", **more: Any
    ) -> Answer:
        """Refund an order."""
        body = {"refund_amount": amount, "refund_id": refund_id, **more}
        return await self.ask("POST", "/orders/order_1/refunds", body)


def order_body(**fields: Any) -> dict[str, Any]:
    """Return the body of Create Order."""
    customer = {"customer_id": CUSTOMER, "customer_phone": "9999999999"}
    body = {"order_amount": 170.5, "order_currency": "INR", "customer_details": customer, **fields}
    return {name: value for name, value in body.items() if value is not None}
