"""Take a payment with a saved card: choose the card, fetch its cryptogram, send both to the acquirer.

Set CASHFREE_BASE_URL, CASHFREE_CLIENT_ID and CASHFREE_CLIENT_SECRET, then run:

    python take_a_payment.py CUSTOMER AMOUNT
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from tokenvault_client import Client, Cryptogram, Instrument, TokenVaultError

Acquirer = Callable[[str, Decimal, Cryptogram], str]
"""Sends an order, its amount and a cryptogram to the bank that takes the money; returns that bank's reference."""


def usable(cards: tuple[Instrument, ...], now: datetime) -> list[Instrument]:
    """Return the cards that a customer may choose: active, with a token that has not expired."""
    return [card for card in cards if card.is_payable(now)]


def pay(vault: Client, acquirer: Acquirer, customer_id: str, amount: Decimal) -> str:
    """Pay with the customer's newest usable card and return the acquirer's reference.

    Raises:
        LookupError: if the customer has no usable card.
        TokenVaultError: if the vault did not answer as wanted; the client has already repeated what it safely can.
    """
    cards = usable(vault.fetch_instruments(customer_id).data, datetime.now(UTC))
    if not cards:
        raise LookupError(f"customer {customer_id} has no card to pay with")
    # One order fetches one cryptogram, however often this line is repeated: the idempotency key is the order's.
    order_id = f"order_{uuid4().hex}"
    cryptogram = vault.fetch_cryptogram(customer_id, cards[-1].instrument_id, idempotency_key=order_id).data
    # A cryptogram pays once. Use it now: do not log it, queue it or store it.
    return acquirer(order_id, amount, cryptogram)


def print_authorisation(order_id: str, amount: Decimal, cryptogram: Cryptogram) -> str:
    """Print what an acquirer would be sent, without the token and the cryptogram. Put your acquirer's call here."""
    print(f"authorise INR {amount} on the card that ends in {cryptogram.card_display}")
    return f"{order_id}-approved"


def main() -> int:
    """Run the program; return its exit code."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    customer_id, amount = sys.argv[1], Decimal(sys.argv[2])
    try:
        with Client.from_env() as vault:
            print(pay(vault, print_authorisation, customer_id, amount))
    except (LookupError, TokenVaultError) as error:
        print(f"not paid: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
