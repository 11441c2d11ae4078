"""The ranges of card numbers and of token numbers. The two never overlap.

A card outside every range is refused, so that no real card number is stored by accident. Operators may add ranges.
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
"""The first digits of token numbers. They begin like their network's cards, so that routing by these digits works."""


@dataclass(frozen=True, slots=True)
class CardRange:
    """Card numbers of one length with the same prefix, or a single number, and the facts about them.

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
    """The ranges that are served. When two contain a number, the narrower one decides."""

    def __init__(self, ranges: Iterable[CardRange], token_prefixes: Mapping[Network, str] = TOKEN_PREFIXES) -> None:
        """Serve `ranges`.

        Raises:
            SettingsError: a range overlaps a token range, so a token could be taken for a card.
        """
        self._by_prefix = {(entry.prefix, entry.length): entry for entry in ranges}
        self._widths = sorted({len(prefix) for prefix, _ in self._by_prefix}, reverse=True)
        for entry in self._by_prefix.values():
            if any(_overlap(entry.prefix, prefix) for prefix in token_prefixes.values()):
                raise SettingsError(
                    "a card range overlaps a token range", hint=f"token ranges: {', '.join(token_prefixes.values())}"
                )

    def find(self, pan: Pan) -> CardRange | None:
        """Return the range that contains a card number, or None."""
        digits = pan.reveal()
        matches = (self._by_prefix.get((digits[:width], len(digits))) for width in self._widths)
        return next((entry for entry in matches if entry), None)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
