"""Merchants' secrets, partners' keys and the uses of signature keys, as rows."""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.credential import CredentialKind, CredentialUse, StoredCredential
from tokenvault_server.domain.protected_row import Tagged

SQL = queries.load("tokenvault_server.store", "credentials.sql")

_OWNER: Final = {
    CredentialKind.MERCHANT_SECRET: "merchant_id",
    CredentialKind.PARTNER_KEY: "partner_id",
    CredentialKind.SIGNATURE_KEY: "merchant_id",
}


class FoundCredential(NamedTuple):
    """Whose credential a digest belongs to, and when it ended."""

    owner: str
    expires_at: int | None
    revoked_at: int | None

    def is_live(self, now: int) -> bool:
        """Return whether the credential is valid at a moment."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


def insert(credential: StoredCredential, sealed: bytes) -> Statement:
    """Add a live credential."""
    return SQL[f"insert_{credential.kind}"](
        **{_OWNER[credential.kind]: credential.owner},
        secret_id=credential.credential_id,
        digest=credential.digest,
        sealed=sealed,
        created_at=credential.created_at,
    )


async def list_all(engine: Engine, kind: CredentialKind, owner: str, chain: str) -> list[Tagged[StoredCredential]]:
    """Return an owner's credentials, oldest first, including those that have ended; `chain` records their changes."""
    return _stored(kind, owner, await engine.read(_list(kind, owner, chain)))


async def all_partner_keys(engine: Engine, chain: str) -> list[Tagged[StoredCredential]]:
    """Return the keys of all partners, with those that have ended; `chain` is the vault's own."""
    rows = await engine.read(SQL["all_partner_keys"](chain=chain))
    return [Tagged(StoredCredential(CredentialKind.PARTNER_KEY, *columns), tag) for *columns, tag in rows]


def of_owner(kind: CredentialKind, owner: str, chain: str) -> Work[list[Tagged[StoredCredential]]]:
    """Return the same inside a transaction, which must hold the chain."""
    return _stored(kind, owner, (yield _list(kind, owner, chain)))


def end(credential: StoredCredential) -> Statement:
    """Store when a credential expires and whether it is revoked."""
    return SQL[f"end_{credential.kind}"](
        **{_OWNER[credential.kind]: credential.owner},
        secret_id=credential.credential_id,
        expires_at=credential.expires_at,
        revoked_at=credential.revoked_at,
    )


def set_last_use(credential: CredentialUse, at: int) -> Statement:
    """Store when a credential was last used."""
    kind, owner, secret_id = credential
    return SQL[f"use_{kind}"](**{_OWNER[kind]: owner}, secret_id=secret_id, at=at)


async def signature_key_uses(engine: Engine, merchant_id: str) -> dict[str, int]:
    """Return when each of a merchant's signature keys was last used; keys that never were are left out."""
    return dict(await engine.read(SQL["signature_key_uses"](merchant_id=merchant_id)))


async def find_merchant_secret(engine: Engine, digest: bytes) -> FoundCredential | None:
    """Return whose secret has a digest, also one that has ended; None if nobody's."""
    rows = await engine.read(SQL["find_merchant_secret"](digest=digest))
    return FoundCredential(*rows[0]) if rows else None


async def find_partner_key(engine: Engine, digest: bytes) -> FoundCredential | None:
    """Return whose key has a digest, also one that has ended; None if nobody's."""
    rows = await engine.read(SQL["find_partner_key"](digest=digest))
    return FoundCredential(*rows[0]) if rows else None


def _list(kind: CredentialKind, owner: str, chain: str) -> Statement:
    return SQL[f"list_{kind}s"](**{_OWNER[kind]: owner}, chain=chain)


def _stored(kind: CredentialKind, owner: str, rows: Rows) -> list[Tagged[StoredCredential]]:
    return [Tagged(StoredCredential(kind, owner, *columns), tag) for *columns, tag in rows]
