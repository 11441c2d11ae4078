"""The one detector of card numbers: ids, names and URLs pass it on the way in, log lines on the way out.

The text is read digit by digit: full-width, superscript and foreign digits count as digits (Unicode NFKC), whatever is
neither letter nor digit is a separator, and a letter ends a run. Every window of a run that has a network's length, its
beginning and the right check digit is a card number, whatever digits stand before or after it: an expiry, a CVV, an
order number.

UUIDs of a known version are left out first: otherwise one of 3,000 would be rejected by chance. What is rejected by
chance of other realistic ids is printed by `python -m bench.studies.card_numbers`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from tokenvault_server.domain.card import luhn_valid

SHORTEST: Final = 14
LONGEST: Final = 19

# Lengths and beginnings of numbers in use (ISO/IEC 7812 and the networks' published ranges). Visa's 13 digits and
# Maestro's 12 and 13 are left out: no such card is issued, and ids of that length would be rejected by chance.
_NETWORKS: Final = (
    ({16, 19}, r"4"),  # Visa
    ({16}, r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"),  # Mastercard
    ({15}, r"3[47]"),  # Amex
    ({14, 16}, r"3(?:0[0-5]|[689])"),  # Diners Club
    ({16}, r"508|60|8[12]|35[36]"),  # RuPay
    ({16, 19}, r"6011|64[4-9]|65|62|35(?:2[89]|[3-8])"),  # Discover, RuPay, UnionPay, JCB
    ({14, 15, 16, 17, 18, 19}, r"50(?:18|20|38)|5893|6304|6759|676[1-3]"),  # Maestro
)
_BY_LENGTH: Final = {
    length: re.compile("|".join(beginnings for lengths, beginnings in _NETWORKS if length in lengths))
    for length in range(SHORTEST, LONGEST + 1)
}

UUID: Final = (
    r"(?=[0-9-]*[a-fA-F])"  # one of digits alone may be a number in disguise
    r"(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
    r"|[0-9a-fA-F]{12}[47][0-9a-fA-F]{3}[89abAB][0-9a-fA-F]{15})"
)
"""A UUID of a version and variant that are in use (RFC 9562, 4); without hyphens, of version 4 or 7."""
_UUIDS: Final = re.compile(rf"(?<![0-9A-Za-z]){UUID}(?![0-9A-Za-z])")
_ONE_UUID: Final = re.compile(UUID)
_WITHOUT_DIGITS: Final = dict.fromkeys(map(ord, "0123456789"))
# Letters end a run, or every tenth hexadecimal id would be a card. In the groups that are printed on cards they do not.
_LETTERS_BETWEEN_GROUPS: Final = re.compile(
    r"(?<![0-9])[0-9]{4}([^\W\d_]{1,3})[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?![0-9])"
    r"|(?<![0-9])[0-9]{4}([^\W\d_]{1,3})[0-9]{6}\2[0-9]{4,5}(?![0-9])"
)


def holds_card_number(text: str) -> bool:
    """Tell whether text is, or holds, what looks like a card number."""
    return next(card_numbers(text), None) is not None


def card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Yield where card numbers stand in a text: each time the first and the end index, overlapping ones joined."""
    # Nearly every text has too few digits, or is a UUID: both are told quickly.
    if text.isascii() and (len(text) - len(text.translate(_WITHOUT_DIGITS)) < SHORTEST or _ONE_UUID.fullmatch(text)):
        return
    found = sorted({*_windows(text), *_lettered(text)})
    if not found and "%" in text and (decoded := unquote(text, errors="replace")) != text:
        found = [(0, len(text))] if holds_card_number(decoded) else []  # 4111%201111...: the escapes are digits too
    yield from _joined(found)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Yield every window of every run of digits that is a card number."""
    for digits, indexes in _runs(_UUIDS.sub(lambda match: "u" * len(match[0]), text)):
        for at in range(len(digits) - SHORTEST + 1):
            for size in range(SHORTEST, min(LONGEST, len(digits) - at) + 1):
                if is_card_number(digits[at : at + size]):
                    yield indexes[at], indexes[at + size - 1] + 1


def _lettered(text: str) -> Iterator[tuple[int, int]]:
    """Yield the numbers whose printed groups stand apart by letters, such as 4111x1111x1111x1111."""
    for match in _LETTERS_BETWEEN_GROUPS.finditer(text):
        if is_card_number("".join(filter(str.isdecimal, match[0]))):
            yield match.span()


def _runs(text: str) -> Iterator[tuple[str, list[int]]]:
    """Yield each run of digits, with the index in the text of each digit; separators are passed over."""
    digits: list[str] = []
    indexes: list[int] = []
    for index, character in enumerate(text):
        value = character if character.isascii() else _folded(character)
        if value.isdigit():
            digits.extend(value)
            indexes.extend([index] * len(value))
        elif not value or value.isalpha():
            if len(digits) >= SHORTEST:
                yield "".join(digits), indexes
            digits, indexes = [], []
    if len(digits) >= SHORTEST:
        yield "".join(digits), indexes


@lru_cache(maxsize=4_096)
def _folded(character: str) -> str:
    """Return what a character counts as: ASCII digits, `a` for a letter, a space for a separator."""
    plain = unicodedata.normalize("NFKC", character)
    values = [unicodedata.decimal(each, None) for each in plain if each.isalnum()]
    if values and all(value is not None for value in values):
        return "".join(map(str, values))
    return "a" if any(map(str.isalnum, plain)) else " "


def is_card_number(digits: str) -> bool:
    """Tell whether ASCII digits have a network's length and beginning, and the right check digit."""
    beginning = _BY_LENGTH.get(len(digits))
    return beginning is not None and beginning.match(digits) is not None and luhn_valid(digits)


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans in order, those that overlap as one."""
    begin = end = -1
    for first, last in spans:
        if first > end:
            if end >= 0:
                yield begin, end
            begin = first
        end = max(end, last)
    if end >= 0:
        yield begin, end
