"""The shop's own tests: real calls to an emulator, and an acquirer that remembers what it was sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from checkout import CardGoneError, Checkout
from tokenvault_client import Client, Cryptogram, Instrument

AMOUNT = Decimal("499.00")


class RememberingAcquirer:
    """Approves every payment and remembers which cryptograms came."""

    def __init__(self) -> None:
        self.cryptograms: list[str] = []

    def __call__(self, order_id: str, amount: Decimal, cryptogram: Cryptogram) -> bool:
        self.cryptograms.append(cryptogram.cryptogram)
        return True


@pytest.fixture
def acquirer() -> RememberingAcquirer:
    return RememberingAcquirer()


@pytest.fixture
def checkout(vault: Client, acquirer: RememberingAcquirer) -> Checkout:
    return Checkout(vault, acquirer)


def test_a_customer_sees_their_own_cards_only(checkout: Checkout, customer: str, card: Instrument) -> None:
    assert [choice.label for choice in checkout.choices(customer)] == ["XXXXXXXXXXXX2123"]
    assert checkout.choices("somebody_else") == []


def test_every_order_has_a_cryptogram_of_its_own(
    checkout: Checkout, acquirer: RememberingAcquirer, customer: str, card: Instrument
) -> None:
    assert checkout.pay(customer, card.instrument_id, f"{customer}_order_1", AMOUNT)
    assert checkout.pay(customer, card.instrument_id, f"{customer}_order_2", AMOUNT)
    assert len(set(acquirer.cryptograms)) == 2


def test_a_button_pressed_twice_spends_one_cryptogram(
    checkout: Checkout, acquirer: RememberingAcquirer, customer: str, card: Instrument
) -> None:
    for _ in range(2):
        checkout.pay(customer, card.instrument_id, f"{customer}_order", AMOUNT)
    assert len(acquirer.cryptograms) == 2
    assert len(set(acquirer.cryptograms)) == 1


def test_a_removed_card_cannot_pay(
    checkout: Checkout, acquirer: RememberingAcquirer, customer: str, card: Instrument
) -> None:
    checkout.remove(customer, card.instrument_id)
    assert checkout.choices(customer) == []
    with pytest.raises(CardGoneError):
        checkout.pay(customer, card.instrument_id, f"{customer}_order", AMOUNT)
    assert acquirer.cryptograms == []
