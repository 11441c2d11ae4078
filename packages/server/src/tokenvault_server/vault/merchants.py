"""Merchants and the partners that act for them: adding, listing, recognising."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import add_keys
from tokenvault_server.domain.card import holds_card_number
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.events import Action, AuditEvent
from tokenvault_server.domain.identifiers import (
    CLIENT_SECRET_PREFIX,
    PARTNER_KEY_PREFIX,
    ClientId,
    MerchantId,
    PartnerId,
    holds_api_secret,
    prefixed,
)
from tokenvault_server.domain.keys import Purpose, WrappedKey
from tokenvault_server.domain.merchant import Merchant
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import InvalidFieldError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import merchants as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.custody import Custody

_MERCHANT_KEYS = (Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID)
_SECRET_BYTES = 32
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """A merchant that was just added, with the only showing of its secret."""

    merchant: Merchant
    client_secret: Secret[str]


@dataclass(frozen=True, slots=True)
class NewPartner:
    """A partner that was just added, with the only showing of its API key."""

    partner_id: PartnerId
    api_key: Secret[str]


class Merchants:
    """The verbs on merchants and partners; operators call them, merchants do not."""

    def __init__(self, engine: Engine, keyring: Keyring, custody: Custody, audit: AuditTrail, clock: Clock) -> None:
        """Keep merchants in `engine`, their keys in `keyring`."""
        self._engine = engine
        self._keyring = keyring
        self._custody = custody
        self._audit = audit
        self._clock = clock

    async def add(self, name: str, actor: str, *, client_prefix: str = "CLIENT") -> NewMerchant:
        """Add a merchant with its own keys and a first secret, which is shown this once."""
        _check_name(name)
        now = self._clock.now()
        merchant = Merchant(
            merchant_id=MerchantId(prefixed("mer", now)),
            name=name,
            client_id=ClientId(client_prefix + secrets.token_hex(16)),
            created_at=now,
        )
        secret = Secret(CLIENT_SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES))
        secret_id = prefixed("sec", now)
        sealed = await self._custody.seal_credential(merchant.merchant_id, secret_id, secret)
        digest = await self._custody.digest(secret)

        def body() -> Work[None]:
            yield store.insert(merchant)
            yield from add_keys(lambda first: self._keys_of(merchant, first))
            yield store.insert_secret(merchant.merchant_id, secret_id, digest, sealed, now)
            event = AuditEvent(at=now, action=Action.MERCHANT_ADDED, actor=actor, details={"name": name})
            yield from self._audit.append(merchant.merchant_id, event)

        await self._engine.commit(body)
        return NewMerchant(merchant, secret)

    async def add_partner(self, name: str, merchant_id: MerchantId, actor: str) -> NewPartner:
        """Add a partner that may act for a merchant, with an API key that is shown this once."""
        _check_name(name)
        now = self._clock.now()
        partner_id = PartnerId(prefixed("par", now))
        key = Secret(PARTNER_KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES))
        secret_id = prefixed("sec", now)
        sealed = await self._custody.seal_credential(partner_id, secret_id, key)
        digest = await self._custody.digest(key)

        def body() -> Work[None]:
            yield store.insert_partner(partner_id, name, now)
            yield store.insert_partner_key(partner_id, secret_id, digest, sealed, now)
            yield store.link_partner(merchant_id, partner_id, now)
            event = AuditEvent(at=now, action=Action.PARTNER_ADDED, actor=actor, details={"partner_id": partner_id})
            yield from self._audit.append(merchant_id, event)

        await self._engine.commit(body)
        return NewPartner(partner_id, key)

    async def list(self) -> list[Merchant]:
        """Give all merchants, oldest first."""
        return await store.list_all(self._engine)

    async def load(self, merchant_id: MerchantId) -> Merchant | None:
        """Give a merchant, or None."""
        return await store.load(self._engine, merchant_id)

    async def of_client(self, client_id: ClientId) -> Merchant | None:
        """Give the merchant whose client id this is, or None."""
        return await store.load_of_client(self._engine, client_id)

    async def live_digests(self, merchant_id: MerchantId) -> tuple[bytes, ...]:
        """Give the digests of a merchant's live secrets; for a merchant that does not exist, the same work and none."""
        return await store.live_secret_digests(self._engine, merchant_id, self._clock.now())

    async def partner_for(self, merchant_id: MerchantId, key_digest: bytes) -> PartnerId | None:
        """Give the partner with this key, if it may act for the merchant."""
        return await store.partner_for(self._engine, merchant_id, key_digest, self._clock.now())

    def _keys_of(self, merchant: Merchant, first: int) -> Sequence[WrappedKey]:
        return [
            self._keyring.make(purpose, merchant.merchant_id, key_id=first + offset, now=merchant.created_at)
            for offset, purpose in enumerate(_MERCHANT_KEYS)
        ]


def _check_name(name: str) -> None:
    """Refuse a name that does not fit a line of the audit trail, or that should never be stored."""
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable() or holds_card_number(name) or holds_api_secret(name):
        raise InvalidFieldError("name", f"must be printable text of 1 to {_NAME_LENGTH} characters, without secrets")
