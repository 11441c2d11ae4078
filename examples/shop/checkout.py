"""A shop's checkout with saved cards: what the shop's own code looks like around the client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tokenvault_client import Client, Cryptogram, NotFoundError, RateLimitedError

Acquirer = Callable[[str, Decimal, Cryptogram], bool]
"""Sends an order, its amount and a cryptogram to the acquirer; returns whether the payment was approved."""


class CardGoneError(Exception):
    """The customer's card was deleted or cannot be used: ask for another card."""


class BusyError(Exception):
    """The vault's rate limit is used up: `retry_after` seconds later there is room again."""

    def __init__(self, retry_after: float) -> None:
        """Say how long to wait."""
        super().__init__(f"try again in {retry_after} seconds")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Choice:
    """A saved card as the checkout page shows it."""

    instrument_id: str
    label: str


class Checkout:
    """What the shop does with saved cards."""

    def __init__(self, vault: Client, acquirer: Acquirer) -> None:
        """Read cards from `vault` and take payments through `acquirer`."""
        self._vault = vault
        self._acquirer = acquirer

    def choices(self, customer_id: str) -> list[Choice]:
        """Return the cards that a customer can choose."""
        cards = self._vault.fetch_instruments(customer_id).data
        return [Choice(card.instrument_id, str(card.instrument_display)) for card in cards if card.is_payable()]

    def pay(self, customer_id: str, instrument_id: str, order_id: str, amount: Decimal) -> bool:
        """Pay an order with a saved card; return whether the acquirer approved it.

        The order's id is the idempotency key: a customer who presses the button twice spends one cryptogram.
        """
        try:
            answer = self._vault.fetch_cryptogram(customer_id, instrument_id, idempotency_key=order_id)
        except NotFoundError:
            raise CardGoneError from None
        except RateLimitedError as error:
            raise BusyError(error.retry_after or 60) from None
        return self._acquirer(order_id, amount, answer.data)

    def remove(self, customer_id: str, instrument_id: str) -> None:
        """Delete a saved card, as the customer may ask at any time."""
        self._vault.delete_instrument(customer_id, instrument_id)
