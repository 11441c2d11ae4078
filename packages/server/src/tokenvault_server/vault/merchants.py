"""Merchants: added, listed, recognised, and the secrets that they sign in with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import add_keys
from tokenvault_server.domain import randomness
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential, CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import ClientId, MerchantId, acceptable_name, prefixed
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.merchant import AccountState, Merchant
from tokenvault_server.domain.protected_row import Tagged, of_credential, of_merchant
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import AccountRemovedError, InvalidFieldError, MerchantNotFoundError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import merchants as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.credentials import Credentials, NewCredential
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.row_tags import RowTags

MERCHANT_KEYS = (Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID)
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """A merchant that was just added, with its secret, which is never shown again."""

    merchant: Merchant
    client_secret: Secret[str]


class Merchants:
    """Manages merchants, for operators."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        sealer: RecordSealer,
        row_tags: RowTags,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        """Store merchants in `engine`, with keys that `keyring` makes."""
        self._engine = engine
        self._keyring = keyring
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock
        self._last_known = MerchantId("")
        """Stands in for the merchant of an unknown client id, so that as much is read and checked."""
        self._secrets = Credentials(CredentialKind.MERCHANT_SECRET, engine, sealer, row_tags, audit, clock)

    async def add(self, name: str, actor: str, *, client_prefix: str = "CLIENT") -> NewMerchant:
        """Add a merchant with its own keys and a first secret, which is returned only here."""
        check_name(name)
        now = self._clock.now()
        merchant = Merchant(
            merchant_id=MerchantId(prefixed("mer", now)),
            name=name,
            client_id=ClientId(client_prefix + randomness.token_hex(16)),
            created_at=now,
        )
        first, tagger = await self._secrets.make(merchant.merchant_id), await self._row_tags.tagger()
        tags = tagger.tags(of_merchant(merchant), of_credential(first.stored, merchant.merchant_id))
        keys = await asyncio.gather(
            *(self._keyring.make(purpose, merchant.merchant_id, now=now) for purpose in MERCHANT_KEYS)
        )

        def body() -> Work[None]:
            yield store.insert(merchant)
            yield from add_keys(keys)
            yield from first.insert()
            yield from tags.put()
            details = {"name": name} | tags.details
            event = AuditEntry(at=now, action=Action.MERCHANT_ADDED, actor=actor, details=details)
            yield from self._audit.append(merchant.merchant_id, event)

        await self._engine.commit(body)
        return NewMerchant(merchant, first.secret)

    async def list(self) -> list[Merchant]:
        """Return all merchants, oldest first.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        return await self._row_tags.checked(await store.list_all(self._engine), of_merchant)

    async def load(self, merchant_id: MerchantId) -> Merchant | None:
        """Return a merchant, or None.

        Raises:
            RowNotAuthenticError: it was changed in the database.
        """
        read = await store.load(self._engine, merchant_id)
        return (await self._row_tags.checked([read], of_merchant))[0] if read else None

    async def known(self, merchant_id: MerchantId) -> Merchant:
        """Return a merchant.

        Raises:
            MerchantNotFoundError: no merchant has this id.
            RowNotAuthenticError: it was changed in the database.
        """
        merchant = await self.load(merchant_id)
        if merchant is None:
            raise MerchantNotFoundError
        return merchant

    async def id_of(self, merchant_id: MerchantId) -> MerchantId | None:
        """Return the id if it is that of a merchant that was not removed, else None after the same work."""
        return await store.id_of(self._engine, merchant_id)

    async def id_of_client(self, client_id: ClientId) -> MerchantId | None:
        """Return the id of the merchant whose client id this is, or None after the same work."""
        merchant = await self.of_client(client_id)
        return merchant.merchant_id if merchant else None

    async def of_client(self, client_id: ClientId) -> Merchant | None:
        """Return the merchant whose client id this is, or None after the same work. A removed merchant has none."""
        return await self._genuine(await store.of_client(self._engine, client_id, self._last_known), client_id)

    async def secrets_of_client(self, client_id: ClientId) -> tuple[Merchant | None, Sequence[StoredCredential]]:
        """Return the merchant whose client id this is, and its live secrets.

        For an unknown client id the merchant is None, and the secrets are those of the last known merchant: the caller
        compares them like any others, so that the time is the same, and never accepts them.
        """
        now = self._clock.now()
        read, live = await store.secrets_of_client(self._engine, client_id, self._last_known, now)
        genuine = await self._row_tags.genuine(live, lambda secret: of_credential(secret, secret.owner))
        return await self._genuine(read, client_id), genuine

    async def rotate_secret(self, merchant_id: MerchantId, overlap_seconds: int, actor: str) -> NewCredential:
        """Make a further secret, returned only here; the one before it ends when the overlap is over."""
        if (await self.known(merchant_id)).state is AccountState.REMOVED:
            raise AccountRemovedError
        return await self._secrets.rotate(merchant_id, merchant_id, overlap_seconds, actor)

    async def revoke_secret(self, merchant_id: MerchantId, secret_id: str, actor: str) -> None:
        """End a secret: within a second it signs nobody in."""
        await self.known(merchant_id)
        await self._secrets.revoke(merchant_id, secret_id, merchant_id, actor)

    async def secrets(self, merchant_id: MerchantId) -> Sequence[Credential]:
        """Return a merchant's secrets, oldest first, with those that have ended; never their text."""
        await self.known(merchant_id)
        return await self._secrets.all(merchant_id, merchant_id)

    async def _genuine(self, read: Tagged[Merchant] | None, client_id: ClientId) -> Merchant | None:
        """Return a merchant if its row is genuine, and not the stand-in for an unknown client id; check both alike."""
        if read is None or not await self._row_tags.is_genuine(of_merchant(read.value), read.tag):
            return None
        self._last_known = read.value.merchant_id
        is_stand_in = read.value.client_id != client_id or read.value.state is AccountState.REMOVED
        return None if is_stand_in else read.value


def check_name(name: str) -> None:
    """Raise InvalidFieldError for a name that does not fit a line of the audit trail, or that holds a secret."""
    if not acceptable_name(name, _NAME_LENGTH):
        raise InvalidFieldError("name", f"must be text of 1 to {_NAME_LENGTH} characters, without controls or secrets")
