"""Partners: platforms that act for the merchants they are linked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential, CredentialKind
from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId, prefixed
from tokenvault_server.domain.merchant import AccountState, ActingPartner, Merchant, Partner, PartnerLink
from tokenvault_server.domain.protected_row import (
    ProtectedRow,
    RowId,
    RowKind,
    of_credential,
    of_link,
    of_merchant,
    of_partner,
)
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import (
    AccountRemovedError,
    MerchantNotFoundError,
    MerchantSuspendedError,
    PartnerNotFoundError,
    PartnerSuspendedError,
    VaultError,
)
from tokenvault_server.store import merchants as merchant_store
from tokenvault_server.store import partners as store
from tokenvault_server.store.partners import ActingRows
from tokenvault_server.vault.account_checks import merchant_is_kept, partner_is_kept
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.credentials import Credentials, NewCredential
from tokenvault_server.vault.merchants import check_name
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.row_tags import RowTags, details_of_removed, removed


@dataclass(frozen=True, slots=True)
class NewPartner:
    """A partner that was just added, with its API key, which is never shown again."""

    partner_id: PartnerId
    api_key: Secret[str]


class Partners:
    """Manages partners, for operators."""

    def __init__(
        self, engine: Engine, sealer: RecordSealer, row_tags: RowTags, audit: AuditTrail, clock: Clock
    ) -> None:
        """Store partners in `engine`."""
        self._engine = engine
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock
        self._keys = Credentials(CredentialKind.PARTNER_KEY, engine, sealer, row_tags, audit, clock)

    async def add(self, name: str, actor: str) -> NewPartner:
        """Add a partner with an API key, which is returned only here; it acts for no merchant until it is linked."""
        check_name(name)
        now = self._clock.now()
        partner = Partner(PartnerId(prefixed("par", now)), name, now)
        first, tagger = await self._keys.make(partner.partner_id), await self._row_tags.tagger()
        chain = self._audit.own_chain
        tags = tagger.tags(of_partner(partner, chain), of_credential(first.stored, chain))

        def body() -> Work[None]:
            yield store.insert(partner)
            yield from first.insert()
            yield from tags.put()
            details: dict[str, int | str] = {"partner_id": partner.partner_id, "name": name}
            yield from self._append(chain, Action.PARTNER_ADDED, actor, details | tags.details)

        await self._engine.commit(body)
        return NewPartner(partner.partner_id, first.secret)

    async def load(self, partner_id: PartnerId) -> Partner:
        """Return a partner.

        Raises:
            PartnerNotFoundError: no partner has this id.
            RowNotAuthenticError: it was changed in the database.
        """
        read = await store.load(self._engine, partner_id, self._audit.own_chain)
        if read is None:
            raise PartnerNotFoundError
        return (await self._row_tags.checked([read], self._row_of))[0]

    async def list(self) -> list[Partner]:
        """Return all partners, oldest first.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        read = await store.list_all(self._engine, self._audit.own_chain)
        return await self._row_tags.checked(read, self._row_of)

    async def links(self) -> Sequence[PartnerLink]:
        """Return which partner may act for which merchant.

        Raises:
            RowNotAuthenticError: one of the rows was changed in the database.
        """
        return await self._row_tags.checked(await store.list_links(self._engine), of_link)

    async def links_to(self, merchant_id: MerchantId) -> Sequence[PartnerLink]:
        """Return which partners may act for a merchant.

        Raises:
            RowNotAuthenticError: one of the rows was changed in the database.
        """
        return await self._row_tags.checked(await store.links_of(self._engine, merchant_id), of_link)

    async def links_of(self, partner_id: PartnerId) -> Sequence[PartnerLink]:
        """Return which merchants a partner may act for.

        Raises:
            RowNotAuthenticError: one of the rows was changed in the database.
        """
        return await self._row_tags.checked(await store.links_of_partner(self._engine, partner_id), of_link)

    async def link(self, partner_id: PartnerId, merchant_id: MerchantId, actor: str) -> None:
        """Let a partner act for a merchant; a repeat changes nothing."""
        link = PartnerLink(merchant_id, partner_id, self._clock.now())
        tags = (await self._row_tags.tagger()).tags(of_link(link))

        def body() -> Work[None]:
            yield from partner_is_kept(partner_id)
            yield from merchant_is_kept(merchant_id)
            if (yield from store.link(link)):
                yield from tags.put()
                details = {"partner_id": partner_id} | tags.details
                yield from self._append(merchant_id, Action.PARTNER_LINKED, actor, details)

        await self._engine.commit(body)

    async def unlink(self, partner_id: PartnerId, merchant_id: MerchantId, actor: str) -> None:
        """Stop a partner from acting for a merchant; a repeat changes nothing."""

        def body() -> Work[None]:
            yield from _must_exist(partner_id, merchant_id)
            if (yield from store.unlink(merchant_id, partner_id)):
                row = RowId(merchant_id, RowKind.PARTNER_LINK, partner_id)
                yield from removed(row)
                details = {"partner_id": partner_id} | details_of_removed(row)
                yield from self._append(merchant_id, Action.PARTNER_UNLINKED, actor, details)

        await self._engine.commit(body)

    async def rotate_key(self, partner_id: PartnerId, overlap_seconds: int, actor: str) -> NewCredential:
        """Make a further API key, shown this once; the one before it ends when the overlap is over."""
        if (await self.load(partner_id)).state is AccountState.REMOVED:
            raise AccountRemovedError
        return await self._keys.rotate(partner_id, self._audit.own_chain, overlap_seconds, actor)

    async def revoke_key(self, partner_id: PartnerId, key_id: str, actor: str) -> None:
        """End an API key: from now on it signs nobody in."""
        await self.load(partner_id)
        await self._keys.revoke(partner_id, key_id, self._audit.own_chain, actor)

    async def keys(self, partner_id: PartnerId) -> Sequence[Credential]:
        """Return a partner's keys, oldest first, with those that have ended; never their text."""
        await self.load(partner_id)
        return await self._keys.all(partner_id, self._audit.own_chain)

    async def acting_for(self, merchant_id: MerchantId, key_digest: bytes) -> ActingPartner | None:
        """Return the partner with this key, if it may act for the merchant."""
        chain = self._audit.own_chain
        rows = await store.acting_for_merchant(self._engine, merchant_id, key_digest, self._clock.now(), chain)
        return await self._acting(rows)

    async def acting_for_client(self, client_id: ClientId, key_digest: bytes) -> ActingPartner | None:
        """Return the partner with this key, if it may act for the merchant whose client id this is."""
        chain = self._audit.own_chain
        rows = await store.acting_for_client(self._engine, client_id, key_digest, self._clock.now(), chain)
        return await self._acting(rows)

    async def _acting(self, rows: ActingRows | None) -> ActingPartner | None:
        """Return the partner if every row that lets it act is genuine."""
        if rows is None:
            return None
        (key, key_tag), (link, link_tag), (partner, partner_tag), (merchant, merchant_tag) = rows
        genuine = (
            await self._row_tags.is_genuine(of_credential(key, self._audit.own_chain), key_tag)
            and await self._row_tags.is_genuine(of_link(link), link_tag)
            and await self._row_tags.is_genuine(self._row_of(partner), partner_tag)
            and await self._row_tags.is_genuine(of_merchant(merchant), merchant_tag)
        )
        if not genuine or AccountState.REMOVED in {partner.state, merchant.state}:
            return None
        return ActingPartner(link.partner_id, key.credential_id, link.merchant_id, _suspended(partner, merchant))

    def _row_of(self, partner: Partner) -> ProtectedRow:
        return of_partner(partner, self._audit.own_chain)

    def _append(self, chain: str, action: Action, actor: str, details: dict[str, int | str]) -> Work[None]:
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details=details)
        yield from self._audit.append(chain, event)


def _suspended(partner: Partner, merchant: Merchant) -> type[VaultError] | None:
    """Return the error for calls. A suspended partner does not learn whether its merchants are suspended too."""
    if partner.state is AccountState.SUSPENDED:
        return PartnerSuspendedError
    return MerchantSuspendedError if merchant.state is AccountState.SUSPENDED else None


def _must_exist(partner_id: PartnerId, merchant_id: MerchantId) -> Work[None]:
    if (yield from store.state_of(partner_id)) is None:
        raise PartnerNotFoundError
    if (yield from merchant_store.state_of(merchant_id)) is None:
        raise MerchantNotFoundError
