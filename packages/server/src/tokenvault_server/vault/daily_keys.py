"""The two keys behind idempotency, made anew every day and destroyed when nothing can refer to them any more.

One seals stored replies, the other tells calls apart by their fingerprints, over bodies that hold card numbers. Both
kinds of row live for a day, and a key is used for a day, so two days after it was made a key has nothing left to
serve. Destroying it is what ends the replies of that time in every backup that does not hold the old key itself.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import DAY, Clock
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import idempotency as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.idempotency import KEY_LIFETIME
from tokenvault_server.vault.key_watch import KeyWatch

PURPOSES: Final = (Purpose.IDEMPOTENCY, Purpose.FINGERPRINT)
USED_FOR: Final = DAY
_OWNER: Final = ""


class DailyKeys:
    """Renews and destroys; every process that answers calls runs it, however many there are."""

    def __init__(self, engine: Engine, keyring: Keyring, watch: KeyWatch, audit: AuditTrail, clock: Clock) -> None:
        """Keep the keys of `engine` young, made by `keyring`, which hears of them by `watch`."""
        self._engine = engine
        self._table = KeyTable(engine)
        self._keyring = keyring
        self._watch = watch
        self._audit = audit
        self._clock = clock

    async def rotate(self) -> None:
        """Do what is due; this process's keyring hears of it at once, those of others by their own `KeyWatch`."""
        for purpose in PURPOSES:
            await self._rotate(purpose)
        await self._watch.poll()

    async def _rotate(self, purpose: Purpose) -> None:
        now = self._clock.now()
        if _is_due(await self._table.of(purpose, _OWNER), now):
            await self._engine.commit(lambda: self._renew(purpose, now))
        for key_id in _left_over(await self._table.of(purpose, _OWNER), now):
            await self._destroy(key_id, now)

    def _renew(self, purpose: Purpose, now: int) -> Work[None]:
        """Add a key and have the others seal no more, unless somebody else just did."""
        yield from key_table.hold_keys()
        keys = yield from key_table.keys_of(purpose, _OWNER)
        if not _is_due(keys, now):
            return
        version = keys[0].version + 1
        yield from key_table.add_keys(
            lambda first: [self._keyring.make(purpose, _OWNER, key_id=first, version=version, now=now)]
        )
        for key in keys:
            if key.state is KeyState.ACTIVE:
                yield from key_table.retire(key.key_id)
        yield from self._record(Action.KEY_RENEWED, purpose, version, now)

    async def _destroy(self, key_id: int, now: int) -> None:
        await self._engine.commit(lambda: self._overwrite(key_id, now))

    def _overwrite(self, key_id: int, now: int) -> Work[None]:
        """Destroy a key, unless a live row still refers to it or somebody else just did."""
        key = yield from key_table.key_of(key_id)
        if key.state is not KeyState.DECRYPT_ONLY or (yield from store.uses_key(key_id, now)):
            return
        yield from key_table.destroy(key)
        yield from self._record(Action.KEY_DESTROYED, key.purpose, key.version, now)

    def _record(self, action: Action, purpose: Purpose, version: int, now: int) -> Work[None]:
        details: dict[str, int | str] = {"purpose": purpose.value, "version": version}
        event = AuditEntry(at=now, action=action, actor="vault", details=details)
        return self._audit.append(self._audit.own_chain, event)


def _is_due(keys: list[WrappedKey], now: int) -> bool:
    """Tell whether the newest key, which comes first, has been used for long enough."""
    return bool(keys) and keys[0].created_at + USED_FOR <= now


def _left_over(keys: list[WrappedKey], now: int) -> list[int]:
    """Give the keys that were replaced a reply's life ago."""
    return [
        older.key_id
        for newer, older in pairwise(keys)
        if older.state is KeyState.DECRYPT_ONLY and newer.created_at + KEY_LIFETIME <= now
    ]
