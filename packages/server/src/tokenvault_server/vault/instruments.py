"""Save, find and delete saved cards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from tokenvault_server.database.engine import Engine, Unit, Work, in_batches
from tokenvault_server.domain.audit import Action
from tokenvault_server.domain.clock import DAY, Clock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId, uuid7
from tokenvault_server.domain.instrument import CardSummary, Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.protected_row import RowId, RowKind, Tagged, of_instrument
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentNotFoundError,
    InvalidFieldError,
    StaleReadError,
    TokenServiceUnavailableError,
    TooManyInstrumentsError,
)
from tokenvault_server.keys.packed import packed
from tokenvault_server.store import instruments as store
from tokenvault_server.store import outbox, tokens, webhooks
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.provider import (
    LifecycleAction,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenServiceProvider,
)
from tokenvault_server.tsp.routing import Providers
from tokenvault_server.vault.account_checks import merchant_is_active
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.enrolments import Enrolments
from tokenvault_server.vault.idempotency import purge
from tokenvault_server.vault.record_sealer import InstrumentSecrets, RecordSealer
from tokenvault_server.vault.row_tags import NewTags, RowTags, removed
from tokenvault_server.vault.webhook_events import WebhookEvents, nothing
from tokenvault_server.webhooks import bodies

_GRANT_ATTEMPTS = 3


class SavedCard(NamedTuple):
    """A saved card with its opened secrets, or a tombstone without secrets."""

    instrument: Instrument
    secrets: InstrumentSecrets | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many saved cards a customer may have, and how long a tombstone is kept."""

    instruments_per_customer: int = 100
    tombstone_days: int = 30


class Instruments:
    """The operations on saved cards."""

    def __init__(  # noqa: PLR0913, PLR0917  # the parts of a vault that saving a card needs
        self,
        engine: Engine,
        sealer: RecordSealer,
        row_tags: RowTags,
        providers: Providers,
        enrolments: Enrolments,
        audit: AuditTrail,
        webhook_events: WebhookEvents,
        clock: Clock,
        limits: Limits,
    ) -> None:
        """Keep saved cards in `engine` and get their tokens from `providers`."""
        self._engine = engine
        self._sealer = sealer
        self._row_tags = row_tags
        self._providers = providers
        self._enrolments = enrolments
        self._audit = audit
        self._webhook_events = webhook_events
        self._clock = clock
        self._limits = limits

    async def load(self, caller: Caller, customer_id: CustomerId, instrument_id: InstrumentId) -> Instrument:
        """Return a saved card without opening its secrets.

        Raises:
            InstrumentNotFoundError: it is unknown or deleted, or belongs to another merchant or customer.
            RowNotAuthenticError: it was changed in the database.
        """
        read = await store.load(self._engine, caller.merchant_id, customer_id, instrument_id)
        return await self._live(read)

    async def load_with_counter(
        self, caller: Caller, customer_id: CustomerId, instrument_id: InstrumentId
    ) -> tuple[Instrument, int]:
        """Return the same, and the highest counter of its token that was ever released with a cryptogram."""
        read = await store.load_with_counter(self._engine, caller.merchant_id, customer_id, instrument_id)
        tagged, counter = read or (None, 0)
        return await self._live(tagged), counter

    async def _live(self, read: Tagged[Instrument] | None) -> Instrument:
        if read is None:
            raise InstrumentNotFoundError
        await self._row_tags.check(of_instrument(read.value), read.tag)
        if read.value.status is InstrumentStatus.DELETED:
            raise InstrumentNotFoundError
        return read.value

    async def fetch(self, caller: Caller, customer_id: CustomerId, instrument_id: InstrumentId) -> SavedCard:
        """Return one saved card."""
        instrument = await self.load(caller, customer_id, instrument_id)
        return SavedCard(instrument, await self._sealer.open_instrument(instrument))

    async def fetch_all(self, caller: Caller, customer_id: CustomerId) -> list[SavedCard]:
        """Return the saved cards of a customer, oldest first."""
        read = await store.list_of_customer(self._engine, caller.merchant_id, customer_id)
        instruments = await self._row_tags.checked(read, of_instrument)
        return [SavedCard(instrument, await self._sealer.open_instrument(instrument)) for instrument in instruments]

    async def save(self, caller: Caller, unit: Unit, request: ProvisionRequest) -> SavedCard:
        """Exchange a card for a token and save the token. The card number exists only in `request`.

        Webhook endpoints receive an event once the card can be used, or when it could not be tokenised. A card whose
        token is not active yet is inactive; an event of its provider activates it.
        """
        await self._check_count_early(caller, CustomerId(request.customer_id))
        try:
            provider = self._providers.for_card(request.card.pan)
            _check_evidence(provider, request)
            grant, token_index, enrolment = await self._provision(caller, provider, request)
        except (CardNotSupportedError, TokenServiceUnavailableError) as error:
            await self._webhook_events.instrument_failed(request, error)
            raise
        now = self._clock.now()
        secrets = _secrets(grant, request)
        unsealed = _instrument(caller, request, grant, now, provider.tsp_id)
        uid = await self._sealer.instrument_uid(caller.merchant_id, grant.par)
        unsealed = unsealed._replace(instrument_uid=uid, token_index=token_index)
        key_id, sealed = await self._sealer.seal_instrument(unsealed, secrets)
        instrument = unsealed._replace(sealed=sealed)
        tags = (await self._row_tags.tagger()).tags(of_instrument(instrument))
        is_active = instrument.status is InstrumentStatus.ACTIVE
        event = await self._webhook_events.of_saved(bodies.ACTIVE, instrument, secrets) if is_active else nothing
        unit.add(lambda: self._enrolments.finish(enrolment))
        unit.add(lambda: self._insert(instrument, key_id, grant.at))
        unit.add(tags.put)
        unit.add(lambda: self._audit.append_act(caller, Action.INSTRUMENT_ENROLLED, instrument, now, tags.details))
        unit.add(lambda: merchant_is_active(instrument.merchant_id))
        unit.add(lambda: self._check_count(instrument))
        unit.add(event)
        return SavedCard(instrument, secrets)

    async def delete(
        self, caller: Caller, unit: Unit, customer_id: CustomerId, instrument_id: InstrumentId
    ) -> SavedCard:
        """Delete a saved card and return its tombstone; return the same again while the tombstone is kept."""
        read = await store.load(self._engine, caller.merchant_id, customer_id, instrument_id)
        now = self._clock.now()
        if read is None:
            raise InstrumentNotFoundError
        await self._row_tags.check(of_instrument(read.value), read.tag)
        instrument = read.value
        if self._is_expired(instrument, now):
            raise InstrumentNotFoundError
        if instrument.status is InstrumentStatus.DELETED:
            return SavedCard(instrument, None)
        secrets = await self._sealer.open_instrument(instrument)
        task = await self._enrolments.deletion(
            caller.merchant_id, instrument.tsp_id, instrument.token_index, secrets.token_reference
        )
        tombstone = tombstone_of(instrument, now, secrets.afa_reference)
        tags = (await self._row_tags.tagger()).tags(of_instrument(tombstone))
        unit.add(lambda: self._leave_tombstone(caller, instrument, tombstone, task, tags))
        return SavedCard(tombstone, None)

    async def forget_old_tombstones(self) -> None:
        """Delete the tombstones that have been kept long enough."""
        before = self._clock.now() - self._limits.tombstone_days * DAY
        await in_batches(self._engine, partial(_sweep, before))

    async def list_of_merchant(self, merchant_id: MerchantId, limit: int) -> list[Instrument]:
        """Return up to `limit` saved cards of a merchant for operators, without opening their secrets.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        read = await store.list_of_merchant(self._engine, merchant_id, limit)
        return await self._row_tags.checked(read, of_instrument)

    async def summary(self, merchant_id: MerchantId) -> CardSummary:
        """Return how many saved cards a merchant has, for operators."""
        return await store.summary(self._engine, merchant_id)

    async def _check_count_early(self, caller: Caller, customer_id: CustomerId) -> None:
        """Refuse a card above the limit before its token is created; the transaction that saves it checks again."""
        instruments = await store.list_of_customer(self._engine, caller.merchant_id, customer_id)
        if len(instruments) >= self._limits.instruments_per_customer:
            raise TooManyInstrumentsError

    async def _provision(
        self, caller: Caller, provider: TokenServiceProvider, request: ProvisionRequest
    ) -> tuple[TokenGrant, bytes, outbox.OutboxTask]:
        """Return a token that is not about to be deleted.

        A provider returns the same token for the same card. If the last saved card of that token was just
        deleted, the token is deleted first, so that the card gets a new one.
        """
        for _ in range(_GRANT_ATTEMPTS):
            grant, enrolment = await self._enrolments.provision(provider.tsp_id, request)
            token_index = await self._sealer.token_index(caller.merchant_id, provider.tsp_id, grant.token_reference)
            if await tokens.is_usable(self._engine, caller.merchant_id, token_index):
                return grant, token_index, enrolment
            key = TokenKey(caller.merchant_id, grant.token_reference)
            await provider.lifecycle(key, LifecycleAction.DELETE, "its last saved card was deleted")
        raise TokenServiceUnavailableError(hint="the provider keeps granting a token that was deleted")

    def _check_count(self, instrument: Instrument) -> Work[None]:
        """Refuse a card above the limit, counted while this transaction has the lock of the merchant's audit chain.

        A transaction that saves a card at the same time has either committed, and is counted, or waits for the lock.
        """
        count = yield from store.count(instrument.merchant_id, instrument.customer_id)
        if count > self._limits.instruments_per_customer:
            raise TooManyInstrumentsError

    def _insert(self, instrument: Instrument, key_id: int, granted_at: int) -> Work[None]:
        shared = yield from tokens.share(
            instrument.merchant_id, instrument.token_index, instrument.created_at, granted_at
        )
        if shared is None:
            raise StaleReadError(hint="the token was retired while a card was being saved on it")
        if shared.newest_at > granted_at:
            raise StaleReadError(hint="the provider changed the token while a card was being saved on it")
        yield store.insert(instrument, key_id)

    def _leave_tombstone(
        self, caller: Caller, instrument: Instrument, tombstone: Instrument, task: outbox.OutboxTask, tags: NewTags
    ) -> Work[None]:
        now = tombstone.deleted_at or 0
        # Lock the token before its cards. Every transaction that changes both uses this order.
        yield from tokens.lock(instrument.merchant_id, instrument.token_index, now)
        if not (yield from store.tombstone(instrument, now, tombstone.afa_reference or "")):
            return  # another call deleted it first: the answer is the same, and that call writes the audit entry
        yield from tags.put()
        yield from purge(instrument.merchant_id, instrument.instrument_id)
        yield webhooks.forget(instrument.merchant_id, instrument.instrument_id, now)
        if (yield from tokens.release(instrument.merchant_id, instrument.token_index, now)):
            yield outbox.insert(task, now)
        yield from self._audit.append_act(caller, Action.INSTRUMENT_DELETED, instrument, now, tags.details)

    def _is_expired(self, instrument: Instrument, now: int) -> bool:
        """Return whether this is a tombstone that has been kept long enough."""
        kept = self._limits.tombstone_days * DAY
        return instrument.deleted_at is not None and instrument.deleted_at + kept <= now


def tombstone_of(instrument: Instrument, now: int, afa_reference: str) -> Instrument:
    """Return what stays of a saved card when it is deleted."""
    return instrument._replace(
        status=InstrumentStatus.DELETED, deleted_at=now, sealed=None, afa_reference=afa_reference
    )


def _sweep(before: int, limit: int) -> Work[int]:
    """Delete tombstones with their tags. The audit entries of the deletions show that the cards may be missing."""
    swept = yield from store.sweep_tombstones(before, limit)
    yield from removed(*(RowId(merchant_id, RowKind.INSTRUMENT, row_id) for merchant_id, row_id in swept))
    return len(swept)


def _check_evidence(provider: TokenServiceProvider, request: ProvisionRequest) -> None:
    """Refuse a card without the evidence that its provider requires."""
    if provider.capabilities.evidence_required and not request.evidence.is_complete:
        raise InvalidFieldError("consent", "is required for this card")


def _secrets(grant: TokenGrant, request: ProvisionRequest) -> InstrumentSecrets:
    return InstrumentSecrets(
        packed_token=packed(grant.token_pan.reveal()),
        token_expiry_month=grant.token_expiry.month,
        token_expiry_year=grant.token_expiry.year,
        par=grant.par,
        trid=grant.trid,
        token_reference=grant.token_reference,
        afa_reference=request.evidence.afa_reference,
        consent_given_at=request.evidence.consent_given_at,
        consent_text_version=request.evidence.consent_text_version,
    )


def _instrument(caller: Caller, request: ProvisionRequest, grant: TokenGrant, now: int, tsp_id: str) -> Instrument:
    return Instrument(
        merchant_id=caller.merchant_id,
        customer_id=CustomerId(request.customer_id),
        instrument_id=InstrumentId(uuid7(now)),
        status=InstrumentStatus.ACTIVE if grant.status is TokenStatus.ACTIVE else InstrumentStatus.INACTIVE,
        created_at=now,
        deleted_at=None,
        tsp_id=tsp_id,
        last4=grant.last4,
        network=grant.network.value,
        issuer=grant.issuer,
        country=grant.country or "",
        card_type=grant.card_type,
        card_sub_type=grant.card_sub_type,
        instrument_uid="",
        token_index=b"",
        row_version=1,
        sealed=None,
    )
