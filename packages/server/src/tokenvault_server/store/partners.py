"""Partners and the merchants that they may act for, as rows."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId
from tokenvault_server.domain.merchant import ActingPartner, Partner

SQL = queries.load("tokenvault_server.store", "partners.sql")


def insert(partner: Partner) -> Statement:
    """Add a partner."""
    return SQL["insert_partner"](partner_id=partner.partner_id, name=partner.name, created_at=partner.created_at)


def exists(partner_id: PartnerId) -> Work[bool]:
    """Return whether a partner exists, inside a transaction."""
    return bool((yield SQL["load_partner"](partner_id=partner_id)))


async def load(engine: Engine, partner_id: PartnerId) -> Partner | None:
    """Return a partner by its id, or None."""
    rows = await engine.read(SQL["load_partner"](partner_id=partner_id))
    return Partner(*rows[0]) if rows else None


async def list_all(engine: Engine) -> list[Partner]:
    """Return all partners, oldest first."""
    return [Partner(*row) for row in await engine.read(SQL["list_partners"]())]


async def list_links(engine: Engine) -> list[tuple[PartnerId, MerchantId]]:
    """Return the pairs of a partner and a merchant that it may act for, oldest first."""
    return [(PartnerId(partner), MerchantId(merchant)) for partner, merchant in await engine.read(SQL["list_links"]())]


def link(merchant_id: MerchantId, partner_id: PartnerId, now: int) -> Work[bool]:
    """Let a partner act for a merchant; return whether it could not before."""
    return bool((yield SQL["link_partner"](merchant_id=merchant_id, partner_id=partner_id, created_at=now)))


def unlink(merchant_id: MerchantId, partner_id: PartnerId) -> Work[bool]:
    """Stop a partner from acting for a merchant; return whether it could before."""
    return bool((yield SQL["unlink_partner"](merchant_id=merchant_id, partner_id=partner_id)))


def is_linked(merchant_id: MerchantId, partner_id: PartnerId) -> Work[bool]:
    """Return whether a partner may act for a merchant, inside a transaction."""
    return bool((yield SQL["is_linked"](merchant_id=merchant_id, partner_id=partner_id)))


async def acting_for_merchant(engine: Engine, merchant_id: MerchantId, digest: bytes, now: int) -> ActingPartner | None:
    """Return the partner whose live key has this digest, if the partner may act for the merchant."""
    return _acting(await engine.read(SQL["acting_for_merchant"](merchant_id=merchant_id, digest=digest, now=now)))


async def acting_for_client(engine: Engine, client_id: ClientId, digest: bytes, now: int) -> ActingPartner | None:
    """Return the partner whose live key has this digest, if it may act for the merchant with this client id."""
    return _acting(await engine.read(SQL["acting_for_client"](client_id=client_id, digest=digest, now=now)))


def _acting(rows: Rows) -> ActingPartner | None:
    return ActingPartner(*rows[0]) if rows else None
