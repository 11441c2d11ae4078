"""Writes docs/reference/test-cards.md from the local token service's table: `make reference`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenvault_server.tsp.local.ranges import TOKEN_PREFIXES, CardRange
from tokenvault_server.tsp.local.sandbox_cards import SANDBOX_CARDS, TOKEN_VAULT_BINS, WELL_KNOWN_CARDS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "test-cards.md"

_HEAD = """\
# Test cards

<!-- Written by tools/test_cards_page.py; a test compares. -->

The built-in token service serves these cards and refuses every other number with `card_not_supported`. All of them are
published test numbers. Any expiry that is not past will do; there is no field for a CVV. Every country is `IN`.

Banks are our own choice, since none are published for test cards.
"""


def page() -> str:
    """Give the page's text."""
    sections = (
        _HEAD,
        "## Sandbox cards\n\nNetworks, types and sub types are those of Cashfree's sandbox.\n",
        _table("Number", SANDBOX_CARDS),
        "## BINs for saved cards\n\nAny sixteen digits that begin so and have a right check digit (Luhn).\n",
        _table("First six digits", TOKEN_VAULT_BINS),
        "## Amex and Diners\n",
        _table("Number", WELL_KNOWN_CARDS),
        "## Tokens\n\nNo card begins like a token, so a token can never be saved as a card.\n",
        _rows("Network | Tokens begin", (f"{network} | `{prefix}`" for network, prefix in TOKEN_PREFIXES.items())),
    )
    return "\n".join(sections)


def _table(first_column: str, ranges: Iterable[CardRange]) -> str:
    return _rows(
        f"{first_column} | Network | Type | Sub type | Bank",
        (
            f"`{entry.prefix}` | {entry.network} | `{entry.card_type}` | {entry.card_sub_type} | {entry.issuer}"
            for entry in ranges
        ),
    )


def _rows(head: str, rows: Iterable[str]) -> str:
    rule = " | ".join("---" for _ in head.split(" | "))
    return "".join(f"| {row} |\n" for row in (head, rule, *rows))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
