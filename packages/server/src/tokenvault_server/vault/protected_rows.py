"""Lists the protected rows whose changes one audit chain records, to verify them or to give them their first tags."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.credential import CredentialKind
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.protected_row import (
    ProtectedRow,
    of_credential,
    of_endpoint,
    of_instrument,
    of_limit,
    of_link,
    of_merchant,
    of_partner,
)
from tokenvault_server.store import credentials, instruments, merchants, partners, rate_limits, webhooks

PAGE = 500


class FoundRow(NamedTuple):
    """A protected row as it is in the database."""

    row: ProtectedRow
    tag: bytes | None
    cryptogram_count: int = 0
    """Of a saved card; the tag does not cover it."""
    token_index: bytes = b""
    """Of a saved card: cards with the same index share a token and its counter."""


async def chains(engine: Engine) -> list[str]:
    """Return the chains of all merchants that have a row."""
    return [merchant.value.merchant_id for merchant in await merchants.list_all(engine)]


async def found(engine: Engine, chain: str, own_chain: str) -> AsyncIterator[FoundRow]:
    """Yield every protected row of a chain, the saved cards last and page by page."""
    for each in await found_beside_cards(engine, chain, own_chain):
        yield each
    if chain != own_chain:
        async for (instrument, tag), count in instruments.pages_of_merchant(engine, chain, PAGE):
            yield FoundRow(of_instrument(instrument), tag, count, instrument.token_index)


async def found_beside_cards(engine: Engine, chain: str, own_chain: str) -> list[FoundRow]:
    """Return every protected row of a chain that is no saved card."""
    return await (_of_vault(engine, chain) if chain == own_chain else _of_merchant(engine, MerchantId(chain)))


async def found_card(engine: Engine, chain: str, instrument_id: str) -> FoundRow | None:
    """Return one saved card or tombstone of a merchant, or None; slow."""
    read = await instruments.find(engine, chain, instrument_id)
    if read is None:
        return None
    (instrument, tag), count = read
    return FoundRow(of_instrument(instrument), tag, count, instrument.token_index)


async def _of_vault(engine: Engine, chain: str) -> list[FoundRow]:
    listed = [FoundRow(of_partner(value, chain), tag) for value, tag in await partners.list_all(engine, chain)]
    keys = await credentials.all_partner_keys(engine, chain)
    return listed + [FoundRow(of_credential(value, chain), tag) for value, tag in keys]


async def _of_merchant(engine: Engine, merchant_id: MerchantId) -> list[FoundRow]:
    merchant = await merchants.load(engine, merchant_id)
    secrets = await credentials.list_all(engine, CredentialKind.MERCHANT_SECRET, merchant_id, merchant_id)
    links = await partners.links_of(engine, merchant_id)
    limits = await rate_limits.of_merchant(engine, merchant_id)
    endpoints = await webhooks.list_endpoints(engine, merchant_id)
    return [
        *(FoundRow(of_merchant(value), tag) for value, tag in ([merchant] if merchant else [])),
        *(FoundRow(of_credential(value, merchant_id), tag) for value, tag in secrets),
        *(FoundRow(of_link(value), tag) for value, tag in links),
        *(FoundRow(of_limit(value), tag) for value, tag in limits),
        *(FoundRow(of_endpoint(value), tag) for value, tag in endpoints),
    ]
