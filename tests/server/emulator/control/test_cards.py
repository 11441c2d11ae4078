"""Forced life cycles: what a bank does to a saved card, seen through the API and in webhooks."""

from __future__ import annotations

import pytest

from tests.support.embedded import ask, calls, save, saved
from tokenvault_server.embedded import ControlError, Emulator

AMEX, RUPAY = "378282246310005", "6074825972083818"


def status(emulator: Emulator, instrument_id: str) -> tuple[int, str]:
    """Return the status of fetching a cryptogram, and the status that the card shows."""
    call = calls("asha", instrument_id)
    shown = ask(emulator, *call["fetch_instrument"]).json().get("instrument_status", "gone")
    return ask(emulator, *call["fetch_cryptogram"]).status, shown


def types(emulator: Emulator) -> list[str]:
    emulator.webhooks.deliver()
    return [each.type.removeprefix("INSTRUMENT_").removesuffix("_WEBHOOK") for each in emulator.webhooks.find()]


def test_a_card_is_suspended_and_resumed(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    assert emulator.cards.suspend(instrument_id).status == "INACTIVE"
    assert status(emulator, instrument_id) == (409, "INACTIVE")
    assert emulator.cards.resume(instrument_id).status == "ACTIVE"
    assert status(emulator, instrument_id) == (200, "ACTIVE")
    assert types(emulator) == ["ACTIVE", "INACTIVE", "ACTIVE"]


def test_an_expired_card_stays_so_and_can_be_saved_again(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    assert emulator.cards.expire(instrument_id).status == "INACTIVE"
    assert status(emulator, instrument_id) == (409, "INACTIVE")
    for act in (emulator.cards.resume, emulator.cards.expire, emulator.cards.reissue):
        with pytest.raises(ControlError) as refused:
            act(instrument_id)
        assert refused.value.code == "card_ended"
    again = saved(emulator)
    assert status(emulator, again) == (200, "ACTIVE")
    assert types(emulator) == ["ACTIVE", "INACTIVE", "ACTIVE"]


def test_a_deactivated_card_is_deleted(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    assert emulator.cards.deactivate(instrument_id).status == "DELETED"
    assert status(emulator, instrument_id) == (404, "gone")
    assert types(emulator) == ["ACTIVE", "DELETED"]
    assert emulator.cards.list() == []


@pytest.mark.parametrize("last4", ["", "4242", "0000"])
def test_a_reissued_card_has_new_last_four_digits_and_the_same_token(emulator: Emulator, last4: str) -> None:
    instrument_id = saved(emulator)
    call = calls("asha", instrument_id)
    token = ask(emulator, *call["fetch_cryptogram"]).json()["card_number"]
    card = emulator.cards.reissue(instrument_id, last4)
    assert (card.status, card.last4) == ("ACTIVE", last4 or "3234")
    assert ask(emulator, *call["fetch_instrument"]).json()["instrument_display"] == f"XXXXXXXXXXXX{card.last4}"
    after = ask(emulator, *call["fetch_cryptogram"]).json()
    assert (after["card_number"], after["card_display"]) == (token, card.last4)
    assert types(emulator) == ["ACTIVE", "UPDATED"]


@pytest.mark.parametrize("pan", [AMEX, RUPAY])
def test_a_card_of_a_network_without_ranges_gets_another_listed_number(emulator: Emulator, pan: str) -> None:
    assert emulator.cards.reissue(saved(emulator, pan=pan)).last4 != pan[-4:]


def test_digits_that_no_test_card_has_are_refused(emulator: Emulator) -> None:
    instrument_id = saved(emulator, pan=AMEX)
    for last4 in ("4242", "12", "12ab"):
        with pytest.raises(ControlError, match="four digits"):
            emulator.cards.reissue(instrument_id, last4)


def test_cards_are_listed_by_customer(emulator: Emulator) -> None:
    saved(emulator, "asha")
    saved(emulator, "ravi")
    (card,) = emulator.cards.list("ravi")
    assert (card.customer_id, card.network, card.bank, card.last4) == ("ravi", "visa", "HDFC BANK", "2123")


def test_a_card_that_does_not_exist_is_refused_with_those_that_do(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    with pytest.raises(ControlError, match=instrument_id):
        emulator.cards.suspend("another")


def test_a_suspended_card_that_is_saved_again_is_suspended_too(emulator: Emulator) -> None:
    emulator.cards.suspend(saved(emulator))
    assert save(emulator).json()["instrument_status"] == "INACTIVE"
