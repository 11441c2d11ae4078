"""The detector of card numbers: any separators, any surroundings, any script; and what it leaves alone."""

from __future__ import annotations

import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenvault_server.domain.card import with_check_digit
from tokenvault_server.domain.card_numbers import card_numbers, holds_card_number
from tokenvault_server.domain.identifiers import acceptable_segment, acceptable_token, prefixed, uuid7
from tokenvault_server.telemetry.logs import MASK, redact

VISA = "4706131211212123"
CARDS = [
    VISA,
    "378282246310005",
    "30569309025904",
    "6074825972083818",
    "2223003122003222",
    "5409162669381034",
    "3530111333300000",
    "6011111111111117",
    with_check_digit("675912345678"),
    with_check_digit("621234567890123"),
]
DIGITS_OF_SCRIPTS = [
    "".join(chr(first + value) for value in range(10))
    for first in range(0x80, 0x20000)
    if unicodedata.decimal(chr(first), None) == 0 and unicodedata.decimal(chr(first + 9), None) == 9
]
SEPARATORS = st.text(st.characters(exclude_categories=["L", "N", "Cs"], exclude_characters="%"), max_size=3).filter(
    lambda text: not any(each.isalnum() for each in unicodedata.normalize("NFKC", text))
)
SURROUNDINGS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%"), max_size=30)
cards = st.sampled_from([card for card in CARDS if len(card) != 13])


@given(cards, st.data(), SURROUNDINGS, SURROUNDINGS)
def test_a_card_number_is_found_with_any_separators_in_any_surroundings(
    card: str, data: st.DataObject, before: str, after: str
) -> None:
    written = "".join(digit + data.draw(SEPARATORS) for digit in card)
    assert holds_card_number(before + written + after)


@given(cards, st.sampled_from(DIGITS_OF_SCRIPTS))
def test_a_card_number_is_found_in_the_digits_of_every_script(card: str, script: str) -> None:
    assert holds_card_number("".join(script[int(digit)] for digit in card))


@given(cards, st.text("0123456789", max_size=8), st.text("0123456789", max_size=8))
def test_digits_before_and_after_hide_nothing(card: str, before: str, after: str) -> None:
    assert holds_card_number(before + card + after)


@pytest.mark.parametrize(
    "text",
    [
        "4706131211212123-0328-123",
        "4706.1312.1121.2123",
        "4706_1312_1121_2123",
        "4706x1312x1121x2123",
        "x%204706%201312%201121%202123",
        "https://shop.example/?card=4706+1312+1121+2123",
        "3782y822463y10005",
        "41111111-1111-1111-0000-000000000000",
    ],
)
def test_numbers_in_other_clothes_are_found(text: str) -> None:
    assert holds_card_number(text)
    assert not acceptable_segment(text)
    assert not acceptable_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "customer-1",
        "4706131211212124",
        "9706131211212120",
        "+91 98765 43210",
        "ORD-20261128-000123",
        "1764374400000",
        "0197f0a0-0000-7000-8000-000000000001",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "740324562",
        "4" * 40,
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert not holds_card_number(text)
    assert redact(text) == text


@given(st.uuids(version=4) | st.uuids(version=1) | st.uuids(version=5))
def test_a_uuid_is_never_taken_for_a_card(value: uuid.UUID) -> None:
    assert not holds_card_number(str(value)) or str(value).replace("-", "").isdigit()


@given(st.integers(0, 2**52))
def test_the_ids_that_we_make_pass_our_own_checks(now: int) -> None:
    for text in (uuid7(now), prefixed("mer", now)):
        assert acceptable_segment(text)
        assert acceptable_token(text)


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    for first, last in card_numbers(text):
        assert 0 <= first < last <= len(text)


@given(cards, SURROUNDINGS, SURROUNDINGS)
def test_a_log_line_has_a_mask_where_the_number_was(card: str, before: str, after: str) -> None:
    masked = redact(f"{before} {card} {after}")
    assert MASK in masked
    assert not holds_card_number(masked)
