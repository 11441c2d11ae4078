"""A network token: the number that stands for a card at one merchant, and the names that come with it."""

from __future__ import annotations

from typing import TypeAlias

from tokenvault_server.domain.secret import Secret

TokenReference: TypeAlias = str
"""The provider's handle of a token. It opens nothing by itself, but it is sealed like the token."""

Par: TypeAlias = str
"""A payment account reference: 29 characters that tie all tokens of one card (EMVCo, PAR)."""

TokenRequestorId: TypeAlias = str
"""Eleven digits that name who asked for a token: three for the provider, eight for the requestor (EMV tokenisation)."""


class NetworkToken(Secret[str]):
    """A token PAN. The wire calls it `card_number`; it is not the card's number, and it shows stars all the same."""

    __slots__ = ()
