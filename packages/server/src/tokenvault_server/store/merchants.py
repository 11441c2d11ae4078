"""Merchants, partners and their secrets, as rows."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId
from tokenvault_server.domain.merchant import Merchant

SQL = queries.load("tokenvault_server.store", "merchants.sql")


def insert(merchant: Merchant) -> Statement:
    """Add a merchant."""
    return SQL["insert_merchant"](
        merchant_id=merchant.merchant_id,
        name=merchant.name,
        client_id=merchant.client_id,
        created_at=merchant.created_at,
    )


async def list_all(engine: Engine) -> list[Merchant]:
    """Give all merchants, oldest first."""
    return [Merchant(*row) for row in await engine.read(SQL["list_merchants"]())]


async def load(engine: Engine, merchant_id: MerchantId) -> Merchant | None:
    """Give a merchant by its id, or None."""
    rows = await engine.read(SQL["load_merchant"](merchant_id=merchant_id))
    return Merchant(*rows[0]) if rows else None


async def load_of_client(engine: Engine, client_id: ClientId) -> Merchant | None:
    """Give the merchant whose client id this is, or None."""
    rows = await engine.read(SQL["load_merchant_of_client"](client_id=client_id))
    return Merchant(*rows[0]) if rows else None


def insert_secret(merchant_id: MerchantId, secret_id: str, digest: bytes, sealed: bytes, now: int) -> Statement:
    """Add a live secret to a merchant."""
    return SQL["insert_secret"](
        merchant_id=merchant_id, secret_id=secret_id, digest=digest, sealed=sealed, created_at=now
    )


async def live_secret_digests(engine: Engine, merchant_id: MerchantId, now: int) -> tuple[bytes, ...]:
    """Give the digests of the secrets that are valid now, oldest first."""
    rows = await engine.read(SQL["live_secret_digests"](merchant_id=merchant_id, now=now))
    return tuple(row[0] for row in rows)


def insert_partner(partner_id: PartnerId, name: str, now: int) -> Statement:
    """Add a partner."""
    return SQL["insert_partner"](partner_id=partner_id, name=name, created_at=now)


def insert_partner_key(partner_id: PartnerId, secret_id: str, digest: bytes, sealed: bytes, now: int) -> Statement:
    """Add a live API key to a partner."""
    return SQL["insert_partner_key"](
        partner_id=partner_id, secret_id=secret_id, digest=digest, sealed=sealed, created_at=now
    )


def link_partner(merchant_id: MerchantId, partner_id: PartnerId, now: int) -> Statement:
    """Let a partner act for a merchant; doing it twice changes nothing."""
    return SQL["link_partner"](merchant_id=merchant_id, partner_id=partner_id, created_at=now)


async def partner_for(engine: Engine, merchant_id: MerchantId, digest: bytes, now: int) -> PartnerId | None:
    """Give the partner whose live key has this digest, if it may act for the merchant."""
    rows = await engine.read(SQL["partner_for_merchant"](merchant_id=merchant_id, digest=digest, now=now))
    return PartnerId(rows[0][0]) if rows else None
