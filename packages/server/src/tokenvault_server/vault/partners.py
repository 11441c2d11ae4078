"""Partners: platforms that act for the merchants they are linked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential, CredentialKind
from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId, prefixed
from tokenvault_server.domain.merchant import ActingPartner, Partner
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import MerchantNotFoundError, PartnerNotFoundError
from tokenvault_server.store import merchants as merchant_store
from tokenvault_server.store import partners as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.credentials import Credentials, NewCredential
from tokenvault_server.vault.merchants import check_name
from tokenvault_server.vault.record_sealer import RecordSealer


@dataclass(frozen=True, slots=True)
class NewPartner:
    """A partner that was just added, with its API key, which is never shown again."""

    partner_id: PartnerId
    api_key: Secret[str]


class Partners:
    """Manages partners, for operators."""

    def __init__(self, engine: Engine, sealer: RecordSealer, audit: AuditTrail, clock: Clock) -> None:
        """Store partners in `engine`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._keys = Credentials(CredentialKind.PARTNER_KEY, engine, sealer, audit, clock)

    async def add(self, name: str, actor: str) -> NewPartner:
        """Add a partner with an API key, which is returned only here; it acts for no merchant until it is linked."""
        check_name(name)
        now = self._clock.now()
        partner = Partner(PartnerId(prefixed("par", now)), name, now)
        first = await self._keys.make(partner.partner_id)

        def body() -> Work[None]:
            yield store.insert(partner)
            yield from first.insert()
            details: dict[str, int | str] = {"partner_id": partner.partner_id, "name": name}
            yield from self._append(self._audit.own_chain, Action.PARTNER_ADDED, actor, details)

        await self._engine.commit(body)
        return NewPartner(partner.partner_id, first.secret)

    async def list(self) -> list[Partner]:
        """Return all partners, oldest first."""
        return await store.list_all(self._engine)

    async def links(self) -> Sequence[tuple[PartnerId, MerchantId]]:
        """Return which partner may act for which merchant."""
        return await store.list_links(self._engine)

    async def link(self, partner_id: PartnerId, merchant_id: MerchantId, actor: str) -> None:
        """Let a partner act for a merchant; a repeat changes nothing."""

        def body() -> Work[None]:
            yield from _must_exist(partner_id, merchant_id)
            if (yield from store.link(merchant_id, partner_id, self._clock.now())):
                yield from self._append(merchant_id, Action.PARTNER_LINKED, actor, {"partner_id": partner_id})

        await self._engine.commit(body)

    async def unlink(self, partner_id: PartnerId, merchant_id: MerchantId, actor: str) -> None:
        """Stop a partner from acting for a merchant; a repeat changes nothing."""

        def body() -> Work[None]:
            yield from _must_exist(partner_id, merchant_id)
            if (yield from store.unlink(merchant_id, partner_id)):
                yield from self._append(merchant_id, Action.PARTNER_UNLINKED, actor, {"partner_id": partner_id})

        await self._engine.commit(body)

    async def rotate_key(self, partner_id: PartnerId, overlap_seconds: int, actor: str) -> NewCredential:
        """Make a further API key, shown this once; the one before it ends when the overlap is over."""
        await self._must_be_known(partner_id)
        return await self._keys.rotate(partner_id, self._audit.own_chain, overlap_seconds, actor)

    async def revoke_key(self, partner_id: PartnerId, key_id: str, actor: str) -> None:
        """End an API key: from now on it signs nobody in."""
        await self._must_be_known(partner_id)
        await self._keys.revoke(partner_id, key_id, self._audit.own_chain, actor)

    async def keys(self, partner_id: PartnerId) -> Sequence[Credential]:
        """Return a partner's keys, oldest first, with those that have ended; never their text."""
        await self._must_be_known(partner_id)
        return await self._keys.all(partner_id)

    async def acting_for(self, merchant_id: MerchantId, key_digest: bytes) -> ActingPartner | None:
        """Return the partner with this key, if it may act for the merchant."""
        return await store.acting_for_merchant(self._engine, merchant_id, key_digest, self._clock.now())

    async def acting_for_client(self, client_id: ClientId, key_digest: bytes) -> ActingPartner | None:
        """Return the partner with this key, if it may act for the merchant whose client id this is."""
        return await store.acting_for_client(self._engine, client_id, key_digest, self._clock.now())

    async def _must_be_known(self, partner_id: PartnerId) -> None:
        if await store.load(self._engine, partner_id) is None:
            raise PartnerNotFoundError

    def _append(self, chain: str, action: Action, actor: str, details: dict[str, int | str]) -> Work[None]:
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details=details)
        yield from self._audit.append(chain, event)


def _must_exist(partner_id: PartnerId, merchant_id: MerchantId) -> Work[None]:
    if not (yield from store.exists(partner_id)):
        raise PartnerNotFoundError
    if not (yield from merchant_store.exists(merchant_id)):
        raise MerchantNotFoundError
