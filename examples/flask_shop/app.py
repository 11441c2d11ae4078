"""A Flask shop with saved cards, on the drop-in `cashfree_pg`.

CASHFREE_BASE_URL=... CASHFREE_CLIENT_ID=... CASHFREE_CLIENT_SECRET=... flask --app flask_shop.app run
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flask import Flask, abort, request

from cashfree_pg import Cashfree, CryptogramEntity
from cashfree_pg.exceptions import ApiException, ApiValueError
from flask_shop.saving import save_card
from tokenvault_client import APIError, TokenVaultError

Acquirer = Callable[[str, str, CryptogramEntity], bool]
"""Sends an order, its amount and a cryptogram to the acquirer; returns whether the payment was approved."""
Answer = tuple[dict[str, Any], int]


def create_app(acquirer: Acquirer) -> Flask:
    """Return the shop. Credentials and the vault's address are in the environment."""
    app = Flask(__name__)
    cashfree = Cashfree(Cashfree.SANDBOX, os.environ["CASHFREE_CLIENT_ID"], os.environ["CASHFREE_CLIENT_SECRET"])
    states: dict[str, str] = {}
    """What the vault reported of each saved card. A real shop has a database."""

    @app.get("/customers/<customer_id>/cards")
    def cards(customer_id: str) -> dict[str, list[dict[str, Any]]]:
        saved = cashfree.PGCustomerFetchInstruments(customer_id, "card").data
        usable = [card for card in saved if card.instrument_status == "ACTIVE"]
        return {"cards": [{"id": card.instrument_id, "label": card.instrument_display} for card in usable]}

    @app.post("/customers/<customer_id>/cards")
    def save(customer_id: str) -> Answer:
        form = request.get_json()
        return {"id": save_card(customer_id, form["card"], form["afa_reference"])}, 201

    @app.delete("/customers/<customer_id>/cards/<card_id>")
    def remove(customer_id: str, card_id: str) -> dict[str, str]:
        cashfree.PGCustomerDeleteInstrument(customer_id, card_id)
        return {"removed": card_id}

    @app.post("/customers/<customer_id>/payments")
    def pay(customer_id: str) -> Answer:
        order = request.get_json()
        # The order is the idempotency key: a customer who presses the button twice spends one cryptogram.
        cryptogram = cashfree.PGCustomerInstrumentsFetchCryptogram(
            customer_id, order["card_id"], x_idempotency_key=order["order_id"]
        ).data
        approved = acquirer(order["order_id"], order["amount"], cryptogram)
        return {"approved": approved}, 200 if approved else 402

    @app.post("/webhooks")
    def webhook() -> dict[str, str]:
        headers = request.headers
        try:
            event = cashfree.PGVerifyWebhookSignature(
                headers["x-webhook-signature"], request.get_data(), headers["x-webhook-timestamp"], tolerance=300
            )
        except (KeyError, ApiValueError):
            abort(400)
        card = event.object["data"]["instrument"]
        states[card["instrument_id"]] = card["instrument_status"]
        return {"status": "received"}

    @app.get("/cards/<card_id>/state")
    def state(card_id: str) -> dict[str, str]:
        return {"state": states.get(card_id, "UNKNOWN")}

    app.register_error_handler(ApiException, lambda error: answer_to(error.status))
    app.register_error_handler(
        TokenVaultError, lambda error: answer_to(error.status if isinstance(error, APIError) else 0)
    )
    return app


def answer_to(status: int) -> Answer:
    """Return what a customer is told about a failure of the vault. 0 means that no answer came."""
    match status:
        case 404 | 409:
            return {"error": "this card cannot be used any more: choose another one"}, 410
        case 429:
            return {"error": "too many payments at once: try again in a minute"}, 503
        case 400 | 422:
            return {"error": "this card cannot be saved: check what you typed"}, 400
        case _:
            return {"error": "the card could not be reached: try again or choose another one"}, 502
