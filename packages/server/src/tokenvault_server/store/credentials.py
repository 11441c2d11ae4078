"""Merchants' secrets, partners' keys and the uses of signature keys, as rows."""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.credential import Credential, CredentialKind, CredentialUse

SQL = queries.load("tokenvault_server.store", "credentials.sql")

_OWNER: Final = {
    CredentialKind.MERCHANT_SECRET: "merchant_id",
    CredentialKind.PARTNER_KEY: "partner_id",
    CredentialKind.SIGNATURE_KEY: "merchant_id",
}


class KnownCredential(NamedTuple):
    """Whose credential a digest belongs to, and when it ended."""

    owner: str
    expires_at: int | None
    revoked_at: int | None

    def is_live(self, now: int) -> bool:
        """Return whether the credential is valid at a moment."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


def insert(credential: CredentialUse, digest: bytes, sealed: bytes, now: int) -> Statement:
    """Add a live credential."""
    kind, owner, secret_id = credential
    return SQL[f"insert_{kind}"](
        **{_OWNER[kind]: owner}, secret_id=secret_id, digest=digest, sealed=sealed, created_at=now
    )


async def list_all(engine: Engine, kind: CredentialKind, owner: str) -> list[Credential]:
    """Return an owner's credentials, oldest first, including those that have ended."""
    return [Credential(*row) for row in await engine.read(SQL[f"list_{kind}s"](**{_OWNER[kind]: owner}))]


def count_live(kind: CredentialKind, owner: str, now: int) -> Work[int]:
    """Return how many of an owner's credentials are valid now, inside a transaction."""
    return len((yield SQL[f"live_{kind}s"](**{_OWNER[kind]: owner}, now=now)))


def end_all(kind: CredentialKind, owner: str, until: int) -> Statement:
    """Let all credentials of an owner end at a moment; those that end earlier keep their end."""
    return SQL[f"end_{kind}s"](**{_OWNER[kind]: owner}, until=until)


def revoke(credential: CredentialUse, now: int) -> Work[bool]:
    """End one credential now, unless it was revoked before; return whether it exists."""
    kind, owner, secret_id = credential
    return bool((yield SQL[f"revoke_{kind}"](**{_OWNER[kind]: owner}, secret_id=secret_id, now=now)))


def set_last_use(credential: CredentialUse, at: int) -> Statement:
    """Store when a credential was last used."""
    kind, owner, secret_id = credential
    return SQL[f"use_{kind}"](**{_OWNER[kind]: owner}, secret_id=secret_id, at=at)


async def signature_key_uses(engine: Engine, merchant_id: str) -> dict[str, int]:
    """Return when each of a merchant's signature keys was last used; keys that never were are left out."""
    return dict(await engine.read(SQL["signature_key_uses"](merchant_id=merchant_id)))


async def find_merchant_secret(engine: Engine, digest: bytes) -> KnownCredential | None:
    """Return whose secret has a digest, also one that has ended; None if nobody's."""
    rows = await engine.read(SQL["find_merchant_secret"](digest=digest))
    return KnownCredential(*rows[0]) if rows else None


async def find_partner_key(engine: Engine, digest: bytes) -> KnownCredential | None:
    """Return whose key has a digest, also one that has ended; None if nobody's."""
    rows = await engine.read(SQL["find_partner_key"](digest=digest))
    return KnownCredential(*rows[0]) if rows else None
