"""Merchants, as rows."""

from __future__ import annotations

from typing import Final

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Row, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.credential import CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import ClientId, MerchantId
from tokenvault_server.domain.merchant import AccountState, Merchant
from tokenvault_server.domain.protected_row import Tagged

SQL = queries.load("tokenvault_server.store", "merchants.sql")

_STATE: Final = {each.value: each for each in AccountState}


def insert(merchant: Merchant) -> Statement:
    """Add a merchant."""
    return SQL["insert_merchant"](
        merchant_id=merchant.merchant_id,
        name=merchant.name,
        client_id=merchant.client_id,
        created_at=merchant.created_at,
    )


def state_of(merchant_id: MerchantId) -> Work[AccountState | None]:
    """Return the state of a merchant, inside a transaction; None if there is no such merchant. No tag is checked."""
    rows = yield SQL["load_merchant"](merchant_id=merchant_id)
    return merchant_of(rows[0]).value.state if rows else None


def set_state(merchant: Merchant, before: AccountState) -> Work[bool]:
    """Store a merchant's new state; return False when the state is not the earlier one any more."""
    changed = {"merchant_id": merchant.merchant_id, "state": merchant.state, "state_at": merchant.state_at}
    return bool((yield SQL["set_merchant_state"](**changed, before=before)))


async def list_all(engine: Engine) -> list[Tagged[Merchant]]:
    """Return all merchants, oldest first."""
    return [merchant_of(row) for row in await engine.read(SQL["list_merchants"]())]


async def load(engine: Engine, merchant_id: MerchantId) -> Tagged[Merchant] | None:
    """Return a merchant by its id, or None."""
    rows = await engine.read(SQL["load_merchant"](merchant_id=merchant_id))
    return merchant_of(rows[0]) if rows else None


async def id_of(engine: Engine, merchant_id: MerchantId) -> MerchantId | None:
    """Return the id itself if a merchant has it, else None; both take equally long. A removed merchant has none."""
    ((known,),) = await engine.read(SQL["id_of_merchant"](merchant_id=merchant_id))
    return None if known is None else MerchantId(known)


async def of_client(engine: Engine, client_id: ClientId, stand_in: MerchantId) -> Tagged[Merchant] | None:
    """Return the merchant that has a client id, else `stand_in`, so that both take equally long; None without that.

    A merchant that was removed has no client id.
    """
    (row,) = await engine.read(SQL["merchant_of_client"](client_id=client_id, stand_in=stand_in))
    return None if row[0] is None else merchant_of(row)


async def secrets_of_client(
    engine: Engine, client_id: ClientId, stand_in: MerchantId, now: int
) -> tuple[Tagged[Merchant] | None, list[Tagged[StoredCredential]]]:
    """Return the merchant that has a client id, and its live secrets.

    When nobody has the client id: `stand_in` and its secrets, so that both cases take equally long.
    """
    rows = await engine.read(SQL["secrets_of_client"](client_id=client_id, stand_in=stand_in, now=now))
    merchant = None if rows[0][0] is None else merchant_of(rows[0][:7])
    secrets = [
        Tagged(StoredCredential(CredentialKind.MERCHANT_SECRET, *row[7:14]), row[14])
        for row in rows
        if row[7] is not None
    ]
    return merchant, secrets


def merchant_of(row: Row) -> Tagged[Merchant]:
    """Return the merchant of a row that was read with its tag."""
    merchant_id, name, client_id, created_at, state, state_at, tag = row
    return Tagged(Merchant(merchant_id, name, client_id, created_at, _STATE[state], state_at), tag)
