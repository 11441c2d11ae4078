"""A network token, which stands for a card at one merchant, and the ids that belong to it."""

from __future__ import annotations

from typing import TypeAlias

from tokenvault_server.domain.secret import Secret

TokenReference: TypeAlias = str
"""The provider's id of a token. It is not enough to use the token, but it is sealed like the token."""

Par: TypeAlias = str
"""A payment account reference: 29 characters that link all tokens of one card (EMVCo, PAR)."""

TokenRequestorId: TypeAlias = str
"""Eleven digits that identify the requestor of a token: three for the provider, eight for the requestor (EMV
tokenisation)."""


class NetworkToken(Secret[str]):
    """A token PAN. The wire calls it `card_number`, but it is not the card's number. It prints as stars too."""

    __slots__ = ()
