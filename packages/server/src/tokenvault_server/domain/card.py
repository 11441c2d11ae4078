"""A payment card: its number and expiry. Only enrolment and the token service provider ever hold one."""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass

from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.secret import Secret

_PAN = re.compile(r"[0-9]{12,19}")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class Pan(Secret[str]):
    """A primary account number. It prints as stars; only `last4` and `bin` may be shown."""

    __slots__ = ()

    @property
    def last4(self) -> str:
        """The last four digits, which may be stored and shown (RBI, PCI DSS 3.4.1)."""
        return self.reveal()[-4:]

    @property
    def bin(self) -> str:
        """The first eight digits, which identify the issuer (ISO/IEC 7812-1:2017); older BINs are their first six."""
        return self.reveal()[:8]


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
