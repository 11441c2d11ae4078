"""Merchants: adding, listing, recognising, and what they sign in with."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import add_keys
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential, CredentialKind, LiveCredential
from tokenvault_server.domain.identifiers import ClientId, MerchantId, holds_api_secret, prefixed
from tokenvault_server.domain.keys import Purpose, WrappedKey
from tokenvault_server.domain.merchant import Merchant
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import InvalidFieldError, MerchantNotFoundError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import merchants as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.credentials import Credentials, NewCredential
from tokenvault_server.vault.record_sealer import RecordSealer

_MERCHANT_KEYS = (Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID)
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """A merchant that was just added, with the only showing of its secret."""

    merchant: Merchant
    client_secret: Secret[str]


class Merchants:
    """The verbs on merchants; operators call them, merchants do not."""

    def __init__(self, engine: Engine, keyring: Keyring, sealer: RecordSealer, audit: AuditTrail, clock: Clock) -> None:
        """Keep merchants in `engine`, their keys in `keyring`."""
        self._engine = engine
        self._keyring = keyring
        self._audit = audit
        self._clock = clock
        self._found_last = MerchantId("")
        self._secrets = Credentials(CredentialKind.MERCHANT_SECRET, engine, sealer, audit, clock)

    async def add(self, name: str, actor: str, *, client_prefix: str = "CLIENT") -> NewMerchant:
        """Add a merchant with its own keys and a first secret, which is shown this once."""
        check_name(name)
        now = self._clock.now()
        merchant = Merchant(
            merchant_id=MerchantId(prefixed("mer", now)),
            name=name,
            client_id=ClientId(client_prefix + secrets.token_hex(16)),
            created_at=now,
        )
        first = await self._secrets.make(merchant.merchant_id)

        def body() -> Work[None]:
            yield store.insert(merchant)
            yield from add_keys(lambda first_id: self._keys_of(merchant, first_id))
            yield from first.insert()
            event = AuditEntry(at=now, action=Action.MERCHANT_ADDED, actor=actor, details={"name": name})
            yield from self._audit.append(merchant.merchant_id, event)

        await self._engine.commit(body)
        return NewMerchant(merchant, first.secret)

    async def list(self) -> list[Merchant]:
        """Give all merchants, oldest first."""
        return await store.list_all(self._engine)

    async def load(self, merchant_id: MerchantId) -> Merchant | None:
        """Give a merchant, or None."""
        return await store.load(self._engine, merchant_id)

    async def id_of(self, merchant_id: MerchantId) -> MerchantId | None:
        """Give the id back if it is a merchant's, else None after the same work."""
        return await store.id_of(self._engine, merchant_id)

    async def id_of_client(self, client_id: ClientId) -> MerchantId | None:
        """Give the merchant whose client id this is, or None after the same work."""
        return await store.id_of_client(self._engine, client_id)

    async def secrets_of_client(self, client_id: ClientId) -> tuple[MerchantId | None, Sequence[LiveCredential]]:
        """Give the merchant whose client id this is and its live secrets.

        For a client id of nobody the merchant is None, and the secrets are those of the merchant that was found last:
        to be compared like any others, and never to be accepted.
        """
        now = self._clock.now()
        merchant_id, live = await store.secrets_of_client(self._engine, client_id, self._found_last, now)
        self._found_last = merchant_id or self._found_last
        return merchant_id, live

    async def rotate_secret(self, merchant_id: MerchantId, overlap_seconds: int, actor: str) -> NewCredential:
        """Make a further secret, shown this once; the one before it ends when the overlap is over."""
        await self._must_exist(merchant_id)
        return await self._secrets.rotate(merchant_id, merchant_id, overlap_seconds, actor)

    async def revoke_secret(self, merchant_id: MerchantId, secret_id: str, actor: str) -> None:
        """End a secret: within a second nobody signs in with it."""
        await self._must_exist(merchant_id)
        await self._secrets.revoke(merchant_id, secret_id, merchant_id, actor)

    async def secrets(self, merchant_id: MerchantId) -> Sequence[Credential]:
        """Give a merchant's secrets, oldest first, those that have ended too; never what they are."""
        await self._must_exist(merchant_id)
        return await self._secrets.all(merchant_id)

    async def _must_exist(self, merchant_id: MerchantId) -> None:
        if await self.load(merchant_id) is None:
            raise MerchantNotFoundError

    def _keys_of(self, merchant: Merchant, first: int) -> Sequence[WrappedKey]:
        return [
            self._keyring.make(purpose, merchant.merchant_id, key_id=first + offset, now=merchant.created_at)
            for offset, purpose in enumerate(_MERCHANT_KEYS)
        ]


def check_name(name: str) -> None:
    """Refuse a name that does not fit a line of the audit trail, or that should never be stored."""
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable() or holds_card_number(name) or holds_api_secret(name):
        raise InvalidFieldError("name", f"must be printable text of 1 to {_NAME_LENGTH} characters, without secrets")
