"""Key pairs for `x-client-signature`: made, ended, listed, and used to open a caller's signature.

A merchant has one pair at a time. A call for a merchant that has none, or that does not exist, takes the same work: the
private half of a decoy pair, which belongs to nobody, tries to open the signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable, add_keys, destroy, keys_of, lock_keys
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import CredentialKind, CredentialUse, SignatureKey
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import CredentialNotFoundError, KeyUnavailableError, MerchantNotFoundError, StaleReadError
from tokenvault_server.keys import client_signature
from tokenvault_server.keys.keyring import Key, Keyring
from tokenvault_server.store import credentials as credential_store
from tokenvault_server.store import merchants as merchant_store
from tokenvault_server.vault.account_checks import merchant_is_kept
from tokenvault_server.vault.audit import AuditTrail

_PURPOSE = Purpose.CLIENT_SIGNATURE


class Opened(NamedTuple):
    """The texts of a signature, by either padding, and the key that opened it."""

    texts: list[bytes]
    key: CredentialUse


OpenSignature = Callable[[Secret[bytes], bytes], list[bytes]]
"""Returns the texts of a signature, given a private half. It runs in a thread."""


class ClientSignatures:
    """Manages merchants' signature keys."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        audit: AuditTrail,
        clock: Clock,
        open_signature: OpenSignature = client_signature.opened,
    ) -> None:
        """Wrap the private halves with `keyring`, like every key; open signatures with `open_signature`."""
        self._engine = engine
        self._table = KeyTable(engine)
        self._keyring = keyring
        self._audit = audit
        self._clock = clock
        self._open_signature = open_signature
        self._decoy: asyncio.Future[Secret[bytes]] | None = None

    async def make_key(self, merchant_id: MerchantId, actor: str) -> str:
        """Make a merchant's pair and return the public half (PEM); the pair before it ends within a second."""
        pair = await asyncio.to_thread(client_signature.new_pair)  # takes 0.1 s
        while True:
            with suppress(StaleReadError):  # another process made a pair meanwhile: wrap again for the next version
                await self._add(merchant_id, pair.private, actor)
                return pair.public

    async def _add(self, merchant_id: MerchantId, private: Secret[bytes], actor: str) -> None:
        """Wrap the private half for the version that comes next, then add it unless that version exists by now."""
        version = _next_version(await self._table.of(_PURPOSE, merchant_id))
        key = await self._keyring.make(
            _PURPOSE, merchant_id, version=version, now=self._clock.now(), material=private.reveal()
        )

        def body() -> Work[None]:
            yield from merchant_is_kept(merchant_id)
            yield from lock_keys()
            earlier = yield from keys_of(_PURPOSE, merchant_id)
            if _next_version(earlier) != version:
                raise StaleReadError
            yield from _end(earlier)
            yield from add_keys([key])
            yield from self._append(merchant_id, Action.SIGNATURE_KEY_MADE, actor, version)

        await self._engine.commit(body)

    async def end_key(self, merchant_id: MerchantId, actor: str) -> None:
        """End a merchant's pair: within a second it signs nobody in."""

        def body() -> Work[None]:
            if (yield from merchant_store.state_of(merchant_id)) is None:
                raise MerchantNotFoundError
            keys = yield from keys_of(_PURPOSE, merchant_id)
            if not (yield from _end(keys)):
                raise CredentialNotFoundError
            version = keys[0].version
            yield from self._append(merchant_id, Action.SIGNATURE_KEY_ENDED, actor, version)

        await self._engine.commit(body)

    async def all(self, merchant_id: MerchantId) -> list[SignatureKey]:
        """Return a merchant's pairs, oldest first, with those that have ended; neither half of any."""
        if await merchant_store.load(self._engine, merchant_id) is None:
            raise MerchantNotFoundError
        uses = await credential_store.signature_key_uses(self._engine, merchant_id)
        return [
            SignatureKey(key.version, key.state is KeyState.ACTIVE, key.created_at, uses.get(str(key.key_id)))
            for key in reversed(await self._table.of(_PURPOSE, merchant_id))
        ]

    async def opened(self, merchant_id: MerchantId, signature: bytes) -> Opened | None:
        """Open a signature that was made with the merchant's public half; return None when the merchant has no key.

        Opening takes a thread. The caller limits how many signatures are opened at the same time.
        """
        decoy = await self._decoy_key()  # for every caller: only the first signed call of a process waits for it
        key = await self._newest_key(merchant_id)
        if key is None:
            await asyncio.to_thread(self._open_signature, decoy, signature)
            return None
        use = CredentialUse(CredentialKind.SIGNATURE_KEY, merchant_id, str(key.key_id))
        private = Secret(key.material_for(_PURPOSE))
        return Opened(await asyncio.to_thread(self._open_signature, private, signature), use)

    async def _newest_key(self, merchant_id: MerchantId) -> Key | None:
        """Return the merchant's key, or None when it has none or its key ended during this call."""
        key_id = await self._table.newest_active(_PURPOSE, merchant_id)
        if key_id is None:
            return None
        try:
            return await self._keyring.by_id(key_id)
        except KeyUnavailableError:
            if await self._table.newest_active(_PURPOSE, merchant_id) == key_id:
                raise  # the key has not ended: the provider does not unwrap it
            return None

    async def _decoy_key(self) -> Secret[bytes]:
        """Return a private half that opens nothing, made once and in a thread: it takes 0.1 s."""
        if self._decoy is None:
            self._decoy = asyncio.ensure_future(asyncio.to_thread(_new_private))
        return await asyncio.shield(self._decoy)

    def _append(self, merchant_id: MerchantId, action: Action, actor: str, version: int) -> Work[None]:
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details={"version": version})
        yield from self._audit.append(merchant_id, event)


def _end(keys: list[WrappedKey]) -> Work[int]:
    """Destroy the keys that are not destroyed yet; return how many."""
    existing = [key for key in keys if key.state is not KeyState.DESTROYED]
    for key in existing:
        yield from destroy(key)
    return len(existing)


def _next_version(keys: list[WrappedKey]) -> int:
    """Return the version of the key to come; `keys` begins with the newest."""
    return keys[0].version + 1 if keys else 1


def _new_private() -> Secret[bytes]:
    return client_signature.new_pair().private
