"""A merchant's own rate limit."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.domain.identifiers import MerchantId


class OwnLimit(NamedTuple):
    """How many calls of an operation a merchant may make in a minute."""

    merchant_id: MerchantId
    operation: str
    per_minute: int
