"""Which numbers are cards here and which are tokens; the two never meet.

A card outside every range is refused, so that no real card number is kept by accident. Operators may add ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenvault_server.domain.card import Pan
from tokenvault_server.domain.network import Network
from tokenvault_server.errors import SettingsError

TOKEN_PREFIXES: Mapping[Network, str] = {
    Network.VISA: "499999",
    Network.MASTERCARD: "559999",
    Network.RUPAY: "652999",
    Network.AMEX: "379999",
    Network.DINERS: "369999",
}
"""Where tokens begin: with their network's leading digits, so that software which routes by them still works."""


@dataclass(frozen=True, slots=True)
class CardRange:
    """Numbers of one length that begin alike, or a single number, and what their issuer says of them.

    `card_type` is `credit_card`, `debit_card` or `prepaid_card`; `card_sub_type` is R (retail), P (premium) or
    C (corporate).
    """

    prefix: str
    length: int
    network: Network
    card_type: str
    card_sub_type: str
    issuer: str
    country: str = "IN"


class CardRanges:
    """The ranges that are served; of two that fit a number the narrower counts."""

    def __init__(self, ranges: Iterable[CardRange], token_prefixes: Mapping[Network, str] = TOKEN_PREFIXES) -> None:
        """Take `ranges`, unless one of them has numbers in common with the tokens'.

        Raises:
            SettingsError: a range overlaps a token range: a token could not be told from a card.
        """
        self._by_prefix = {(entry.prefix, entry.length): entry for entry in ranges}
        self._widths = sorted({len(prefix) for prefix, _ in self._by_prefix}, reverse=True)
        for entry in self._by_prefix.values():
            if any(_overlap(entry.prefix, prefix) for prefix in token_prefixes.values()):
                raise SettingsError(
                    "a card range overlaps a token range", hint=f"token ranges: {', '.join(token_prefixes.values())}"
                )

    def find(self, pan: Pan) -> CardRange | None:
        """Give the range that a card number lies in, or None."""
        digits = pan.reveal()
        found = (self._by_prefix.get((digits[:width], len(digits))) for width in self._widths)
        return next((entry for entry in found if entry), None)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
