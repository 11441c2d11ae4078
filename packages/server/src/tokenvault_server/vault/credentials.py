"""Merchants' secrets and partners' keys: made, replaced without a pause, revoked, listed.

An owner has at most two live ones at a time, so that the new one can replace the old one while both work.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential, CredentialKind, CredentialUse
from tokenvault_server.domain.identifiers import CLIENT_SECRET_PREFIX, PARTNER_KEY_PREFIX, prefixed
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import CredentialNotFoundError, TooManyCredentialsError
from tokenvault_server.store import credentials as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.record_sealer import RecordSealer

Details = dict[str, int | str]

MAX_LIVE: Final = 2
_SECRET_BYTES: Final = 32
_TEXT_PREFIX: Final = {
    CredentialKind.MERCHANT_SECRET: CLIENT_SECRET_PREFIX,
    CredentialKind.PARTNER_KEY: PARTNER_KEY_PREFIX,
}
_ID_PREFIX: Final = {CredentialKind.MERCHANT_SECRET: "sec", CredentialKind.PARTNER_KEY: "key"}
_ROTATED: Final = {
    CredentialKind.MERCHANT_SECRET: Action.MERCHANT_SECRET_ROTATED,
    CredentialKind.PARTNER_KEY: Action.PARTNER_KEY_ROTATED,
}
_REVOKED: Final = {
    CredentialKind.MERCHANT_SECRET: Action.MERCHANT_SECRET_REVOKED,
    CredentialKind.PARTNER_KEY: Action.PARTNER_KEY_REVOKED,
}


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A secret or key that was just made: what is stored of it, and its text, which is never shown again."""

    which: CredentialUse
    secret: Secret[str]
    digest: bytes
    sealed: bytes
    created_at: int

    def insert(self) -> Work[None]:
        """Store it, inside the transaction of its owner's change."""
        yield store.insert(self.which, self.digest, self.sealed, self.created_at)


class Credentials:
    """Manages credentials of one kind."""

    def __init__(
        self, kind: CredentialKind, engine: Engine, sealer: RecordSealer, audit: AuditTrail, clock: Clock
    ) -> None:
        """Store them in `engine`, sealed by `sealer`."""
        self._kind = kind
        self._engine = engine
        self._sealer = sealer
        self._audit = audit
        self._clock = clock

    async def make(self, owner: str) -> NewCredential:
        """Make a credential; the caller stores it."""
        now = self._clock.now()
        which = CredentialUse(self._kind, owner, prefixed(_ID_PREFIX[self._kind], now))
        secret = Secret(_TEXT_PREFIX[self._kind] + secrets.token_urlsafe(_SECRET_BYTES))
        sealed = await self._sealer.seal_credential(owner, which.credential_id, secret)
        return NewCredential(which, secret, await self._sealer.digest(secret), sealed, now)

    async def rotate(self, owner: str, chain: str, overlap_seconds: int, actor: str) -> NewCredential:
        """Make a further credential and let the others end when the overlap is over.

        Raises:
            TooManyCredentialsError: it would be the third live one.
        """
        new = await self.make(owner)
        now = self._clock.now()
        until = now + overlap_seconds * 1_000_000

        def body() -> Work[None]:
            # The first to append holds the chain: of two rotations at once, the second ends the secret of the first.
            details: Details = {"credential_id": new.which.credential_id, "others_end_at": until}
            yield from self._append(chain, _ROTATED[self._kind], owner, actor, details)
            yield store.end_all(self._kind, owner, until)
            if (yield from store.count_live(self._kind, owner, now)) >= MAX_LIVE:
                raise TooManyCredentialsError
            yield from new.insert()

        await self._engine.commit(body)
        return new

    async def revoke(self, owner: str, credential_id: str, chain: str, actor: str) -> None:
        """End a credential: within a second it signs nobody in."""
        which = CredentialUse(self._kind, owner, credential_id)

        def body() -> Work[None]:
            # In the order of a rotation, or the two would deadlock.
            yield from self._append(chain, _REVOKED[self._kind], owner, actor, {"credential_id": credential_id})
            if not (yield from store.revoke(which, self._clock.now())):
                raise CredentialNotFoundError

        await self._engine.commit(body)

    async def all(self, owner: str) -> Sequence[Credential]:
        """Return an owner's credentials, oldest first, with those that have ended."""
        return await store.list_all(self._engine, self._kind, owner)

    def _append(self, chain: str, action: Action, owner: str, actor: str, details: Details) -> Work[None]:
        whose: Details = {"partner_id": owner} if self._kind is CredentialKind.PARTNER_KEY else {}
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details=whose | details)
        yield from self._audit.append(chain, event)
