"""Card numbers: check digits, expiry, and how they are found in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from tests.support.clock import NOW
from tokenvault_server.domain.card import (
    Expiry,
    luhn_valid,
    parse_expiry,
    parse_pan,
    with_check_digit,
)
from tokenvault_server.domain.clock import SECOND

DIGITS = st.text("0123456789", min_size=1, max_size=24)
VISA = "4706131211212123"


@given(DIGITS)
def test_the_check_digit_agrees_with_another_implementation(digits: str) -> None:
    assert luhn_valid(digits) == luhn.is_valid(digits)


@given(DIGITS)
def test_an_appended_check_digit_passes(digits: str) -> None:
    assert with_check_digit(digits) == digits + luhn.calc_check_digit(digits)


@given(DIGITS.map(with_check_digit), st.data())
def test_one_wrong_digit_is_always_detected(digits: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(digits) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != digits[at]]))
    assert not luhn_valid(digits[:at] + wrong + digits[at + 1 :])


@pytest.mark.parametrize("length", range(12, 20))
def test_a_number_of_twelve_to_nineteen_digits_is_a_pan(length: int) -> None:
    digits = with_check_digit("4".ljust(length - 1, "0"))
    pan = parse_pan(digits)
    assert pan is not None
    assert (pan.reveal(), pan.last4, pan.bin) == (digits, digits[-4:], digits[:8])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4706131211212124",
        with_check_digit("4" * 10),
        with_check_digit("4" * 19),
        " 4706131211212123",
        "4706131211212123\n",
        "4706 1312 1121 2123",
        "470613121121212x",
        "٤٧٠٦١٣١٢١١٢١٢١٢٣",
    ],
    ids=["empty", "wrong digit", "short", "long", "space before", "newline", "grouped", "letter", "another script"],
)
def test_other_text_is_not_a_pan(text: str) -> None:
    assert parse_pan(text) is None


def test_a_pan_shows_stars() -> None:
    assert (repr(parse_pan(VISA)), f"{parse_pan(VISA)}") == ("Pan(****)", "Pan(****)")


@pytest.mark.parametrize(
    ("month", "year", "expiry"),
    [("03", "28", Expiry(2028, 3)), ("12", "2031", Expiry(2031, 12)), ("01", "00", Expiry(2000, 1))],
)
def test_a_year_has_two_or_four_digits(month: str, year: str, expiry: Expiry) -> None:
    assert parse_expiry(month, year) == expiry


@pytest.mark.parametrize(
    ("month", "year"),
    [
        ("3", "28"),
        ("00", "28"),
        ("13", "28"),
        ("03", "8"),
        ("03", "028"),
        ("03", "1999"),
        ("03", "20280"),
        ("03", "३०"),
        ("03 ", "28"),
        ("03\n", "28"),
        ("", ""),
    ],
)
def test_other_months_and_years_are_not_an_expiry(month: str, year: str) -> None:
    assert parse_expiry(month, year) is None


@pytest.mark.parametrize(("expiry", "yymm"), [(Expiry(2028, 3), "2803"), (Expiry(2000, 12), "0012")])
def test_emv_writes_the_year_first(expiry: Expiry, yymm: str) -> None:
    assert expiry.yymm == yymm


def test_a_card_is_valid_until_its_month_is_over_everywhere() -> None:
    noon_utc_of_the_first = 1_796_126_400  # 2026-12-01T12:00Z: midnight in UTC-12
    assert Expiry(2026, 11).ends_at() == noon_utc_of_the_first * SECOND
    assert Expiry(2026, 11).ends_at() > NOW


def test_december_ends_in_the_next_year() -> None:
    assert Expiry(2026, 12).ends_at() < Expiry(2027, 1).ends_at()


def test_an_expiry_shows_stars() -> None:
    assert repr(Expiry(2028, 3)) == "Expiry(****)"
