"""Merchants' secrets and partners' keys: made, replaced without a pause, revoked, listed.

An owner has at most two live ones at a time, so that the new one can replace the old one while both work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain import randomness
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential, CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import CLIENT_SECRET_PREFIX, PARTNER_KEY_PREFIX, prefixed
from tokenvault_server.domain.protected_row import of_credential
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import CredentialNotFoundError, TooManyCredentialsError
from tokenvault_server.store import credentials as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.row_tags import RowTags, Tagger

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

    stored: StoredCredential
    secret: Secret[str]
    sealed: bytes

    def insert(self) -> Work[None]:
        """Store it, inside the transaction of its owner's change, which stores its tag too."""
        yield store.insert(self.stored, self.sealed)


class Credentials:
    """Manages credentials of one kind."""

    def __init__(
        self,
        kind: CredentialKind,
        engine: Engine,
        sealer: RecordSealer,
        row_tags: RowTags,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        """Store them in `engine`, sealed by `sealer`."""
        self._kind = kind
        self._engine = engine
        self._sealer = sealer
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock

    async def make(self, owner: str) -> NewCredential:
        """Make a credential; the caller stores it."""
        now = self._clock.now()
        credential_id = prefixed(_ID_PREFIX[self._kind], now)
        secret = Secret(_TEXT_PREFIX[self._kind] + randomness.token_urlsafe(_SECRET_BYTES))
        sealed = await self._sealer.seal_credential(owner, credential_id, secret)
        digest = await self._sealer.digest(secret)
        return NewCredential(StoredCredential(self._kind, owner, credential_id, digest, now), secret, sealed)

    async def rotate(self, owner: str, chain: str, overlap_seconds: int, actor: str) -> NewCredential:
        """Make a further credential and let the others end when the overlap is over.

        Raises:
            TooManyCredentialsError: it would be the third live one.
        """
        new, tagger = await self.make(owner), await self._row_tags.tagger()
        now = self._clock.now()
        until = now + overlap_seconds * 1_000_000

        def body() -> Work[None]:
            # Lock the chain first: of two rotations at once, the second ends the secret of the first.
            yield from self._audit.lock(chain)
            others = yield from self._genuine(owner, chain, tagger)
            ending = [each._replace(expires_at=until) for each in others if _outlives(each, until)]
            for each in ending:
                yield store.end(each)
            ended = {each.credential_id: each for each in ending}
            live = [each for each in others if ended.get(each.credential_id, each).shown().is_live(now)]
            if len(live) >= MAX_LIVE:
                raise TooManyCredentialsError
            yield from new.insert()
            tags = tagger.tags(*(of_credential(each, chain) for each in (new.stored, *ending)))
            yield from tags.put()
            details: Details = {"credential_id": new.stored.credential_id, "others_end_at": until}
            yield from self._append(chain, _ROTATED[self._kind], owner, actor, details | tags.details)

        await self._engine.commit(body)
        return new

    async def revoke(self, owner: str, credential_id: str, chain: str, actor: str) -> None:
        """End a credential: within a second it signs nobody in."""
        tagger = await self._row_tags.tagger()

        def body() -> Work[None]:
            # In the order of a rotation, or the two would deadlock.
            yield from self._audit.lock(chain)
            stored = yield from store.of_owner(self._kind, owner, chain)
            found = [each.value for each in stored if each.value.credential_id == credential_id]
            if not found:
                raise CredentialNotFoundError
            # Also a row that was changed in the database is revoked: then it is genuine, and useless.
            revoked = found[0]._replace(revoked_at=found[0].revoked_at or self._clock.now())
            yield store.end(revoked)
            tags = tagger.tags(of_credential(revoked, chain))
            yield from tags.put()
            details: Details = {"credential_id": credential_id}
            yield from self._append(chain, _REVOKED[self._kind], owner, actor, details | tags.details)

        await self._engine.commit(body)

    async def all(self, owner: str, chain: str) -> Sequence[Credential]:
        """Return an owner's credentials, oldest first, with those that have ended.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        stored = await store.list_all(self._engine, self._kind, owner, chain)
        genuine = await self._row_tags.checked(stored, partial(of_credential, chain=chain))
        return [each.shown() for each in genuine]

    def _genuine(self, owner: str, chain: str, tagger: Tagger) -> Work[list[StoredCredential]]:
        stored = yield from store.of_owner(self._kind, owner, chain)
        return [value for value, tag in stored if tagger.is_genuine(of_credential(value, chain), tag)]

    def _append(self, chain: str, action: Action, owner: str, actor: str, details: Details) -> Work[None]:
        whose: Details = {"partner_id": owner} if self._kind is CredentialKind.PARTNER_KEY else {}
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details=whose | details)
        yield from self._audit.append(chain, event)


def _outlives(credential: StoredCredential, until: int) -> bool:
    """Return whether a credential would be valid at a moment."""
    return credential.shown().is_live(until)
