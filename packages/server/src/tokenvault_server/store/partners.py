"""Partners and the merchants that they may act for, as rows."""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Row, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.credential import CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId
from tokenvault_server.domain.merchant import AccountState, Merchant, Partner, PartnerLink
from tokenvault_server.domain.protected_row import Tagged
from tokenvault_server.store.merchants import merchant_of

SQL = queries.load("tokenvault_server.store", "partners.sql")

_STATE: Final = {each.value: each for each in AccountState}


def insert(partner: Partner) -> Statement:
    """Add a partner."""
    return SQL["insert_partner"](partner_id=partner.partner_id, name=partner.name, created_at=partner.created_at)


def state_of(partner_id: PartnerId) -> Work[AccountState | None]:
    """Return the state of a partner, inside a transaction; None if there is no such partner. No tag is checked."""
    rows = yield SQL["partner_state"](partner_id=partner_id)
    return _STATE[rows[0][0]] if rows else None


def set_state(partner: Partner, before: AccountState) -> Work[bool]:
    """Store a partner's new state; return False when the state is not the earlier one any more."""
    changed = {"partner_id": partner.partner_id, "state": partner.state, "state_at": partner.state_at}
    return bool((yield SQL["set_partner_state"](**changed, before=before)))


async def load(engine: Engine, partner_id: PartnerId, chain: str) -> Tagged[Partner] | None:
    """Return a partner by its id, or None; `chain` is the vault's own."""
    rows = await engine.read(SQL["load_partner"](partner_id=partner_id, chain=chain))
    return _partner(rows[0]) if rows else None


async def list_all(engine: Engine, chain: str) -> list[Tagged[Partner]]:
    """Return all partners, oldest first."""
    return [_partner(row) for row in await engine.read(SQL["list_partners"](chain=chain))]


async def list_links(engine: Engine) -> list[Tagged[PartnerLink]]:
    """Return which partner may act for which merchant, oldest first."""
    return [_link(row) for row in await engine.read(SQL["list_links"]())]


async def links_of(engine: Engine, merchant_id: str) -> list[Tagged[PartnerLink]]:
    """Return the links of one merchant."""
    return [_link(row) for row in await engine.read(SQL["links_of_merchant"](merchant_id=merchant_id))]


async def links_of_partner(engine: Engine, partner_id: PartnerId) -> list[Tagged[PartnerLink]]:
    """Return the links of one partner."""
    return [_link(row) for row in await engine.read(SQL["links_of_partner"](partner_id=partner_id))]


def link(new: PartnerLink) -> Work[bool]:
    """Let a partner act for a merchant; return whether it could not before."""
    return bool((yield SQL["link_partner"](**new._asdict())))


def unlink(merchant_id: MerchantId, partner_id: PartnerId) -> Work[bool]:
    """Stop a partner from acting for a merchant; return whether it could before."""
    return bool((yield SQL["unlink_partner"](merchant_id=merchant_id, partner_id=partner_id)))


def load_link(merchant_id: MerchantId, partner_id: PartnerId) -> Work[Tagged[PartnerLink] | None]:
    """Return the right of a partner to act for a merchant, or None, inside a transaction."""
    rows = yield SQL["load_link"](merchant_id=merchant_id, partner_id=partner_id)
    return _link(rows[0]) if rows else None


class ActingRows(NamedTuple):
    """The rows that let a partner act for a merchant."""

    key: Tagged[StoredCredential]
    link: Tagged[PartnerLink]
    partner: Tagged[Partner]
    merchant: Tagged[Merchant]


async def acting_for_merchant(
    engine: Engine, merchant_id: MerchantId, digest: bytes, now: int, chain: str
) -> ActingRows | None:
    """Return the rows of the live key with this digest, if its partner may act for the merchant."""
    return _acting(
        await engine.read(SQL["acting_for_merchant"](merchant_id=merchant_id, digest=digest, now=now, chain=chain))
    )


async def acting_for_client(
    engine: Engine, client_id: ClientId, digest: bytes, now: int, chain: str
) -> ActingRows | None:
    """Return the rows of the live key with this digest, if its partner may act for the client id's merchant."""
    return _acting(
        await engine.read(SQL["acting_for_client"](client_id=client_id, digest=digest, now=now, chain=chain))
    )


def _acting(rows: Rows) -> ActingRows | None:
    if not rows:
        return None
    key, link, partner, merchant = rows[0][:8], rows[0][8:12], rows[0][12:18], rows[0][18:]
    return ActingRows(
        Tagged(StoredCredential(CredentialKind.PARTNER_KEY, *key[:-1]), key[-1]),
        _link(link),
        _partner(partner),
        merchant_of(merchant),
    )


def _partner(row: Row) -> Tagged[Partner]:
    partner_id, name, created_at, state, state_at, tag = row
    return Tagged(Partner(partner_id, name, created_at, _STATE[state], state_at), tag)


def _link(row: Row) -> Tagged[PartnerLink]:
    *columns, tag = row
    return Tagged(PartnerLink(*columns), tag)
