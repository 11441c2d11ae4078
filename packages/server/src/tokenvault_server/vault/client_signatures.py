"""Key pairs for signing in by signature: made, ended, listed, and used to open what a caller sent.

A merchant has one pair at a time. A caller whose merchant has none, or who is nobody, is answered after the same work
with the private half of a pair that belongs to nobody.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable, add_keys, destroy, hold_keys, keys_of
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import CredentialKind, CredentialUse, SignatureKey
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import CredentialNotFoundError, KeyUnavailableError, MerchantNotFoundError
from tokenvault_server.keys import client_signature
from tokenvault_server.keys.keyring import Key, Keyring
from tokenvault_server.store import credentials as credential_store
from tokenvault_server.store import merchants as merchant_store
from tokenvault_server.vault.audit import AuditTrail

_PURPOSE = Purpose.CLIENT_SIGNATURE


class Opened(NamedTuple):
    """What a signature says, by either padding, and the key that opened it."""

    texts: list[bytes]
    key: CredentialUse


class ClientSignatures:
    """The verbs on merchants' signature keys."""

    def __init__(self, engine: Engine, keyring: Keyring, audit: AuditTrail, clock: Clock) -> None:
        """Keep the private halves in `keyring`, wrapped like every key."""
        self._engine = engine
        self._table = KeyTable(engine)
        self._keyring = keyring
        self._audit = audit
        self._clock = clock
        self._decoy: asyncio.Future[Secret[bytes]] | None = None

    async def make_key(self, merchant_id: MerchantId, actor: str) -> str:
        """Make a merchant's pair and give the public half (PEM); a pair that it had ends within a second."""
        pair = client_signature.new_pair()
        now = self._clock.now()

        def body() -> Work[None]:
            if not (yield from merchant_store.exists(merchant_id)):
                raise MerchantNotFoundError
            yield from hold_keys()
            earlier = yield from keys_of(_PURPOSE, merchant_id)
            yield from _end(earlier)
            version = earlier[0].version + 1 if earlier else 1
            yield from add_keys(
                lambda key_id: [
                    self._keyring.make(
                        _PURPOSE, merchant_id, key_id=key_id, version=version, now=now, material=pair.private.reveal()
                    )
                ]
            )
            yield from self._append(merchant_id, Action.SIGNATURE_KEY_MADE, actor, version)

        await self._engine.commit(body)
        return pair.public

    async def end_key(self, merchant_id: MerchantId, actor: str) -> None:
        """End a merchant's pair: within a second nobody signs in by signature."""

        def body() -> Work[None]:
            if not (yield from merchant_store.exists(merchant_id)):
                raise MerchantNotFoundError
            keys = yield from keys_of(_PURPOSE, merchant_id)
            if not (yield from _end(keys)):
                raise CredentialNotFoundError
            version = keys[0].version
            yield from self._append(merchant_id, Action.SIGNATURE_KEY_ENDED, actor, version)

        await self._engine.commit(body)

    async def all(self, merchant_id: MerchantId) -> list[SignatureKey]:
        """Give a merchant's pairs, oldest first, those that have ended too; neither half of any."""
        if await merchant_store.load(self._engine, merchant_id) is None:
            raise MerchantNotFoundError
        uses = await credential_store.signature_key_uses(self._engine, merchant_id)
        return [
            SignatureKey(key.version, key.state is KeyState.ACTIVE, key.created_at, uses.get(str(key.key_id)))
            for key in reversed(await self._table.of(_PURPOSE, merchant_id))
        ]

    async def opened(self, merchant_id: MerchantId, signature: bytes) -> Opened | None:
        """Give what a signature says that was made with the merchant's public half; None when it has no key."""
        decoy = await self._nobodys_key()  # whoever calls: the first call that signs waits for it
        key = await self._newest_key(merchant_id)
        if key is None:
            client_signature.opened_with(decoy.reveal(), signature)
            return None
        use = CredentialUse(CredentialKind.SIGNATURE_KEY, merchant_id, str(key.key_id))
        return Opened(client_signature.opened(key, signature), use)

    async def _newest_key(self, merchant_id: MerchantId) -> Key | None:
        """Give the merchant's key; None when it has none, or when the one it had was ended while we looked."""
        key_id = await self._table.newest_active(_PURPOSE, merchant_id)
        if key_id is None:
            return None
        try:
            return await self._keyring.by_id(key_id)
        except KeyUnavailableError:
            if await self._table.newest_active(_PURPOSE, merchant_id) == key_id:
                raise  # it is in use: the provider does not give it
            return None

    async def _nobodys_key(self) -> Secret[bytes]:
        """Give a private half that opens nothing, made once, away from the event loop: it takes 0.1 s."""
        if self._decoy is None:
            self._decoy = asyncio.ensure_future(asyncio.to_thread(_new_private))
        return await asyncio.shield(self._decoy)

    def _append(self, merchant_id: MerchantId, action: Action, actor: str, version: int) -> Work[None]:
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details={"version": version})
        yield from self._audit.append(merchant_id, event)


def _end(keys: list[WrappedKey]) -> Work[int]:
    """Destroy the keys that are not destroyed yet; give how many those were."""
    living = [key for key in keys if key.state is not KeyState.DESTROYED]
    for key in living:
        yield from destroy(key)
    return len(living)


def _new_private() -> Secret[bytes]:
    return client_signature.new_pair().private
