"""A payment card: its number and expiry. Only enrolment and the token service provider ever hold one."""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass

from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.secret import Secret

_PAN = re.compile(r"[0-9]{12,19}")
_LONG_ENOUGH = re.compile(r"[0-9]{14}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{4}[ -][0-9]{6}")
_GROUPED = re.compile(  # 4-4-4-4, 4-4-4-4-3, Amex' 4-6-5 and Diners' 4-6-4
    r"(?<![0-9A-Za-z])"
    r"(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5})"
    r"(?![0-9A-Za-z])"
)
_SEPARATORS = re.compile(r"[ -]")
_DIGIT_RUN = re.compile(r"(?<![0-9])[0-9]{14,19}(?![0-9])")
# How the numbers of Visa, Mastercard, RuPay, Amex, Diners, Discover, JCB and Maestro begin (ISO/IEC 7812).
_CARD_START = re.compile(r"4|5[0-8]|2[2-7]|6|3[04-9]|8[12]")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class Pan(Secret[str]):
    """A primary account number. It prints as stars; only `last4` and `bin` may be shown."""

    __slots__ = ()

    @property
    def last4(self) -> str:
        """The last four digits, which may be stored and shown (RBI, PCI DSS 3.4.1)."""
        return self._value[-4:]

    @property
    def bin(self) -> str:
        """The first eight digits, which identify the issuer (ISO/IEC 7812-1:2017); older BINs are their first six."""
        return self._value[:8]


@dataclass(frozen=True, slots=True)
class Expiry:
    """The month in which a card or token is last valid."""

    year: int
    month: int

    def __repr__(self) -> str:
        """Return stars: together with a card number, an expiry is card data."""
        return "Expiry(****)"

    @property
    def yymm(self) -> str:
        """Four digits in EMV's order."""
        return f"{self.year % 100:02d}{self.month:02d}"

    def ends_at(self) -> int:
        """Return the moment at which the month has ended everywhere on earth (UTC-12), in microseconds."""
        year, month = (self.year + 1, 1) if self.month == 12 else (self.year, self.month + 1)
        return timegm((year, month, 1, 12, 0, 0)) * SECOND


def parse_pan(text: str) -> Pan | None:
    """Return the card number if `text` is 12 to 19 digits with a correct check digit, else None."""
    return Pan(text) if _PAN.fullmatch(text) and luhn_valid(text) else None


def parse_expiry(month: str, year: str) -> Expiry | None:
    """Return the expiry if `month` is 01 to 12 and `year` has two or four digits, else None."""
    if not (re.fullmatch(r"0[1-9]|1[0-2]", month) and re.fullmatch(r"[0-9]{2}|2[0-9]{3}", year)):
        return None
    return Expiry(int(year) if len(year) == 4 else 2000 + int(year), int(month))


def luhn_valid(digits: str) -> bool:
    """Return whether the last digit is the correct check digit (ISO/IEC 7812-1, annex B)."""
    return luhn_sum(digits) % 10 == 0


def luhn_sum(digits: str) -> int:
    """Return the weighted sum of the digits, which a correct check digit makes a multiple of ten."""
    values = [ord(digit) - 48 for digit in reversed(digits)]
    return sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])


def with_check_digit(digits: str) -> str:
    """Append the check digit that makes `digits` pass (ISO/IEC 7812-1, annex B)."""
    return digits + str(-luhn_sum(digits + "0") % 10)


def holds_card_number(text: str) -> bool:
    """Return whether a text holds what looks like a card number, in one run of digits or in the usual groups.

    Such text is neither stored nor logged: ids and references must not hold card numbers either. UUIDs never match:
    their longest run has twelve digits, and they are grouped in another way.
    """
    packed = text.replace("-", "").replace(" ", "")
    if packed.isdigit() and packed.isascii():
        return 14 <= len(packed) <= 19 and _is_card_like(packed)
    if not _LONG_ENOUGH.search(text):
        return False
    runs = [*_DIGIT_RUN.findall(text), *(_SEPARATORS.sub("", match[0]) for match in _GROUPED.finditer(text))]
    return any(map(_is_card_like, runs))


def _is_card_like(digits: str) -> bool:
    return _CARD_START.match(digits) is not None and luhn_valid(digits)
