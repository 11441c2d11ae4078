"""A FastAPI shop with saved cards, on `tokenvault_client`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from fastapi_shop.saving import save_card
from tokenvault_client import (
    AsyncClient,
    ConflictError,
    Cryptogram,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    TokenVaultError,
    WebhookError,
    webhooks,
)

Acquirer = Callable[[str, str, Cryptogram], Awaitable[bool]]
"""Sends an order, its amount and a cryptogram to the acquirer; returns whether the payment was approved."""


class Order(BaseModel):
    """What a customer pays, and with which card."""

    order_id: str
    amount: str
    card_id: str


class NewCard(BaseModel):
    """A card as the customer typed it. Its values are for the vault only."""

    card: dict[str, str]
    afa_reference: str


def create_app(vault: AsyncClient, acquirer: Acquirer, webhook_secret: str) -> FastAPI:
    """Return the shop."""
    app = FastAPI()
    add_webhooks(app, webhook_secret)

    @app.get("/customers/{customer_id}/cards")
    async def cards(customer_id: str) -> list[dict[str, Any]]:
        saved = (await vault.fetch_instruments(customer_id)).data
        return [{"id": card.instrument_id, "label": card.instrument_display} for card in saved if card.is_payable()]

    @app.post("/customers/{customer_id}/cards", status_code=201)
    async def save(customer_id: str, new: NewCard) -> dict[str, str]:
        return {"id": await save_card(vault, customer_id, new.card, new.afa_reference)}

    @app.delete("/customers/{customer_id}/cards/{card_id}")
    async def remove(customer_id: str, card_id: str) -> dict[str, str]:
        await vault.delete_instrument(customer_id, card_id)
        return {"removed": card_id}

    @app.post("/customers/{customer_id}/payments")
    async def pay(customer_id: str, order: Order) -> dict[str, bool]:
        # The order is the idempotency key: a customer who presses the button twice spends one cryptogram.
        answer = await vault.fetch_cryptogram(customer_id, order.card_id, idempotency_key=order.order_id)
        return {"approved": await acquirer(order.order_id, order.amount, answer.data)}

    @app.exception_handler(TokenVaultError)
    async def failure(_: Request, error: TokenVaultError) -> JSONResponse:
        status, message = answer_to(error)
        return JSONResponse({"error": message}, status)

    return app


def add_webhooks(app: FastAPI, secret: str) -> None:
    """Add the route that takes the vault's webhooks, and the one that shows what they said."""
    states: dict[str, str] = {}
    """What the vault reported of each saved card. A real shop has a database."""

    @app.post("/webhooks")
    async def webhook(request: Request) -> dict[str, str]:
        try:
            event = webhooks.verify(await request.body(), request.headers, secrets=secret)
        except WebhookError:
            raise HTTPException(400, "not a webhook of ours") from None
        if card := event.instrument:
            states[card.instrument_id] = str(card.instrument_status)
        return {"status": "received"}

    @app.get("/cards/{card_id}/state")
    async def state(card_id: str) -> str:
        return states.get(card_id, "UNKNOWN")


def answer_to(error: TokenVaultError) -> tuple[int, str]:
    """Return what a customer is told about a failure of the vault."""
    match error:
        case NotFoundError() | ConflictError():
            return 410, "this card cannot be used any more: choose another one"
        case RateLimitedError():
            return 503, "too many payments at once: try again in a minute"
        case InvalidRequestError():
            return 400, "this card cannot be saved: check what you typed"
        case _:
            return 502, "the card could not be reached: try again or choose another one"
