"""The two keys for idempotency, renewed every day and destroyed when no row can refer to them any more.

One key seals stored replies. The other computes the fingerprints that distinguish calls, over bodies that contain card
numbers. Rows of both kinds are kept for a day, and a key is used for a day, so no row needs a key two days after it was
created. Once a key is destroyed, the replies of that time cannot be opened in any backup that does not contain the key.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import DAY, Clock
from tokenvault_server.domain.keys import KeyState, NewKey, Purpose, WrappedKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import idempotency as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.idempotency import KEY_LIFETIME
from tokenvault_server.vault.key_watch import KeyWatch

PURPOSES: Final = (Purpose.IDEMPOTENCY, Purpose.FINGERPRINT)
USED_FOR: Final = DAY
_OWNER: Final = ""


class DailyKeys:
    """Renews and destroys the daily keys; every process that answers calls runs it."""

    def __init__(self, engine: Engine, keyring: Keyring, watch: KeyWatch, audit: AuditTrail, clock: Clock) -> None:
        """Renew the keys in `engine` with `keyring`; `watch` reports changes to the keyring."""
        self._engine = engine
        self._table = KeyTable(engine)
        self._keyring = keyring
        self._watch = watch
        self._audit = audit
        self._clock = clock

    async def rotate(self) -> None:
        """Renew and destroy the keys that are due.

        This process's keyring learns of it at once, those of other processes from their own `KeyWatch`.
        """
        for purpose in PURPOSES:
            await self._rotate(purpose)
        await self._watch.poll()

    async def _rotate(self, purpose: Purpose) -> None:
        now = self._clock.now()
        keys = await self._table.of(purpose, _OWNER)
        if _is_due(keys, now):
            new = await self._keyring.make(purpose, _OWNER, version=keys[0].version + 1, now=now)
            await self._engine.commit(lambda: self._renew(new))
        for key_id in _unneeded(await self._table.of(purpose, _OWNER), now):
            await self._destroy(key_id, now)

    def _renew(self, new: NewKey) -> Work[None]:
        """Add a key and retire the active ones, unless another process added a key while this one was wrapped."""
        yield from key_table.lock_keys()
        keys = yield from key_table.keys_of(new.purpose, _OWNER)
        if keys[0].version + 1 != new.version:
            return
        yield from key_table.add_keys([new])
        for key in keys:
            if key.state is KeyState.ACTIVE:
                yield from key_table.retire(key.key_id)
        yield from self._record(Action.KEY_RENEWED, new.purpose, new.version, new.created_at)

    async def _destroy(self, key_id: int, now: int) -> None:
        await self._engine.commit(lambda: self._overwrite(key_id, now))

    def _overwrite(self, key_id: int, now: int) -> Work[None]:
        """Destroy a key, unless a live row still refers to it or another process destroyed it first."""
        key = yield from key_table.key_of(key_id)
        if key.state is not KeyState.DECRYPT_ONLY or (yield from store.uses_key(key_id, now)):
            return
        yield from key_table.destroy(key)
        yield from self._record(Action.KEY_DESTROYED, key.purpose, key.version, now)

    def _record(self, action: Action, purpose: Purpose, version: int, now: int) -> Work[None]:
        details: dict[str, int | str] = {"purpose": purpose.value, "version": version}
        entry = AuditEntry(at=now, action=action, actor="vault", details=details)
        return self._audit.append(self._audit.own_chain, entry)


def _is_due(keys: list[WrappedKey], now: int) -> bool:
    """Return whether the newest key, which comes first, was used for a day."""
    return bool(keys) and keys[0].created_at + USED_FOR <= now


def _unneeded(keys: list[WrappedKey], now: int) -> list[int]:
    """Return the keys that were replaced so long ago that no stored reply needs them."""
    return [
        older.key_id
        for newer, older in pairwise(keys)
        if older.state is KeyState.DECRYPT_ONLY and newer.created_at + KEY_LIFETIME <= now
    ]
