"""Apply a provider's token events to saved cards: changes of the status, number or expiry, or of the card itself.

Events arrive at least once and in any order. The row of the token stores the time of the newest change of each kind
that was applied; an older event of that kind changes nothing. A deleted token stays deleted, whatever events follow. So
every order leads to the same state.

One event is applied in one transaction: the cards, their audit entries, and the webhook events. Records are sealed
before the transaction, from rows that were read without a lock. The transaction reads the rows again; if one has
changed, it is aborted and the event is prepared again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action
from tokenvault_server.domain.clock import MINUTE, Clock
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.protected_row import Tagged, of_instrument
from tokenvault_server.errors import StaleReadError, UnusableAnswerError, VaultError
from tokenvault_server.store import instruments as store
from tokenvault_server.store import merchants, tokens, webhooks
from tokenvault_server.store.tokens import TokenState
from tokenvault_server.tsp.answers import check_event
from tokenvault_server.tsp.events import InboxEvent, TokenEvent, TokenStatus
from tokenvault_server.tsp.provider import TokenServiceProvider
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.idempotency import purge
from tokenvault_server.vault.instruments import tombstone_of
from tokenvault_server.vault.record_sealer import InstrumentSecrets, RecordSealer
from tokenvault_server.vault.row_tags import NewTags, RowTags
from tokenvault_server.vault.webhook_events import WebhookEvents, nothing
from tokenvault_server.webhooks import bodies

logger = logging.getLogger(__name__)

UNKNOWN_KEPT: Final = 10 * MINUTE
"""How long an event of an unknown token waits. Its card may be about to be saved, which takes up to two minutes."""
_ATTEMPTS: Final = 3
_PAGE: Final = 100

Write = Callable[[], Work[None]]


class _CardChange(NamedTuple):
    """A saved card before and after an event, sealed, with the writes of its webhook event."""

    before: Instrument
    after: Instrument
    secrets: InstrumentSecrets
    key_id: int
    tags: NewTags
    webhook: Write


class _Plan(NamedTuple):
    """The rows that were read, and the changes that follow from them."""

    known: TokenState
    applied: TokenState
    cards: Sequence[Tagged[Instrument]]
    changes: Sequence[_CardChange]


class TokenEvents:
    """Applies token events to saved cards."""

    def __init__(
        self,
        engine: Engine,
        sealer: RecordSealer,
        row_tags: RowTags,
        audit: AuditTrail,
        webhook_events: WebhookEvents,
        clock: Clock,
    ) -> None:
        """Change the cards in `engine`."""
        self._engine = engine
        self._sealer = sealer
        self._row_tags = row_tags
        self._audit = audit
        self._webhook_events = webhook_events
        self._clock = clock

    async def apply(self, tsp_id: str, event: TokenEvent, caller: Caller | None = None) -> bool:
        """Apply one event durably; return False when the vault does not know the token.

        Raises:
            UnusableAnswerError: the event cannot be true of this token.
            StaleReadError: other calls changed the cards at every attempt; the event can be applied later.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            write = await self.prepare(tsp_id, event, caller)
            if write is None:
                return False
            try:
                await self._engine.commit(write)
            except StaleReadError:
                if attempt == _ATTEMPTS:
                    raise
                continue
            break
        return True

    async def prepare(self, tsp_id: str, event: TokenEvent, caller: Caller | None = None) -> Write | None:
        """Return the writes that apply an event, or None when the vault does not know the token.

        The writes raise StaleReadError when the token or its cards changed after they were read here.

        Raises:
            RowNotAuthenticError: a card of the token was changed in the database.
        """
        caller = caller or Caller(event.merchant_id, f"tsp:{tsp_id}")
        if await merchants.id_of(self._engine, event.merchant_id) is None:
            return None
        token_index = await self._sealer.token_index(event.merchant_id, tsp_id, event.reference)
        known = await tokens.state(self._engine, event.merchant_id, token_index)
        if known is None:
            check_event(event, None, self._clock.now())
            return None
        read = await store.list_of_token(self._engine, event.merchant_id, token_index)
        cards = await self._row_tags.checked(read, of_instrument)
        check_event(event, Network(cards[0].network) if cards else None, self._clock.now())
        event, applied = _newer_part(event, known)
        if event.status is None and event.token_pan is None and event.last4 is None:
            return nothing  # every part is older than what was applied
        changes = [change for card in cards if (change := await self._change(card, event)) is not None]
        plan = _Plan(known, applied, read, changes)
        return lambda: self._write(caller, token_index, event, plan)

    async def _change(self, card: Instrument, event: TokenEvent) -> _CardChange | None:
        """Return the change of one card, or None when the event does not change it."""
        secrets = await self._sealer.open_instrument(card)
        tagger = await self._row_tags.tagger()
        if event.status is TokenStatus.DELETED:
            deleted = tombstone_of(card, self._clock.now(), secrets.afa_reference)
            webhook = await self._webhook_events.of_saved(bodies.DELETED, deleted, secrets)
            return _CardChange(card, deleted, secrets, 0, tagger.tags(of_instrument(deleted)), webhook)
        after = card._replace(status=_status_after(card, event), last4=event.last4 or card.last4)
        new_secrets = _secrets_after(secrets, event)
        if after == card and new_secrets == secrets:
            return None
        after = after._replace(row_version=card.row_version + 1)
        key_id, sealed = await self._sealer.seal_instrument(after, new_secrets)
        webhook = await self._webhook(card, after, new_secrets)
        return _CardChange(
            card, after._replace(sealed=sealed), secrets, key_id, tagger.tags(of_instrument(after)), webhook
        )

    async def _webhook(self, before: Instrument, after: Instrument, secrets: InstrumentSecrets) -> Write:
        """Return the writes of the merchant's webhook event; a new number or expiry has none."""
        if after.status is not before.status:
            event_type = bodies.ACTIVE if after.status is InstrumentStatus.ACTIVE else bodies.INACTIVE
        elif after.last4 != before.last4:
            event_type = bodies.UPDATED
        else:
            return nothing
        return await self._webhook_events.of_saved(event_type, after, secrets)

    def _write(self, caller: Caller, token_index: bytes, event: TokenEvent, plan: _Plan) -> Work[None]:
        now, merchant_id = self._clock.now(), event.merchant_id
        # Every transaction locks in this order: the token, its cards, the audit chain, the webhook endpoints.
        locked = yield from tokens.lock(merchant_id, token_index, now)
        cards = yield from store.of_token(merchant_id, token_index)
        if locked != plan.known or cards != plan.cards:
            raise StaleReadError(hint="the saved cards of a token changed while its event was prepared")
        yield tokens.record(merchant_id, token_index, plan.applied)
        is_deleted = event.status is TokenStatus.DELETED
        if is_deleted and plan.cards:
            yield tokens.end(merchant_id, token_index, now)
        for change in plan.changes:
            yield from _leave_tombstone(change) if is_deleted else _replace(change)
            yield from change.tags.put()
        for change in plan.changes:
            for action, details in _audited(change, event):
                yield from self._audit.append_act(caller, action, change.before, now, details | change.tags.details)
        for change in plan.changes:
            yield from _queue_webhook(change, now, is_deleted=is_deleted)


class TokenInbox:
    """Reads events from one provider's inbox and acknowledges those that were applied."""

    def __init__(self, provider: TokenServiceProvider, token_events: TokenEvents, clock: Clock) -> None:
        """Read the inbox of `provider`."""
        self._provider = provider
        self._token_events = token_events
        self._clock = clock

    async def pull(self) -> int:
        """Apply the events of the inbox; return how many were acknowledged.

        An event that cannot be applied now stays in the inbox and does not block those after it.
        """
        acknowledged, after, is_last = 0, "", False
        while not is_last:
            page = await self._provider.events(after, _PAGE)
            is_last = len(page) < _PAGE
            settled = [each.event_id for each in page if await self._settle(each)]
            if settled:
                await self._provider.acknowledge(settled)
            acknowledged += len(settled)
            after = page[-1].event_id if page else after
        return acknowledged

    async def _settle(self, entry: InboxEvent) -> bool:
        """Apply one event; return whether it may be acknowledged."""
        tsp_id = self._provider.tsp_id
        fields = {"tsp_id": tsp_id, "event_id": entry.event_id}
        try:
            if await self._token_events.apply(tsp_id, entry.event):
                return True
        except UnusableAnswerError as error:
            # An invalid event never becomes valid, so it would stay in the inbox for ever.
            logger.error("token event dropped", extra={**fields, "hint": error.hint})  # noqa: TRY400  # no trace is needed
            return True
        except VaultError as error:
            logger.warning("token event postponed", extra={**fields, "hint": error.hint or error.message})
            return False
        return abs(self._clock.now() - entry.event.at) > UNKNOWN_KEPT


def _replace(change: _CardChange) -> Work[None]:
    yield store.change(change.after, change.key_id)


def _leave_tombstone(change: _CardChange) -> Work[None]:
    """Leave a tombstone, as a deletion through the API does."""
    yield from store.tombstone(change.before, change.after.deleted_at or 0, change.secrets.afa_reference)
    yield from purge(change.before.merchant_id, change.before.instrument_id)


def _queue_webhook(change: _CardChange, now: int, *, is_deleted: bool) -> Work[None]:
    """Queue the webhook event of one card; for a deleted card, delete all bodies that no delivery needs."""
    yield from change.webhook()
    if is_deleted:
        yield webhooks.forget(change.before.merchant_id, change.before.instrument_id, now)


def _newer_part(event: TokenEvent, known: TokenState) -> tuple[TokenEvent, TokenState]:
    """Return the event without its outdated parts, and the times of the newest changes after it."""
    is_deleted = event.status is TokenStatus.DELETED  # final, so never too old
    status = event.status if is_deleted or event.at > known.status_at else None
    is_new_token = event.token_pan is not None and event.at > known.token_at
    is_new_card = event.last4 is not None and event.at > known.card_at
    newer = TokenEvent(
        merchant_id=event.merchant_id,
        reference=event.reference,
        at=event.at,
        status=status,
        suspended_by=event.suspended_by if status else None,
        token_pan=event.token_pan if is_new_token else None,
        token_expiry=event.token_expiry if is_new_token else None,
        last4=event.last4 if is_new_card else None,
        reason=event.reason,
    )
    applied = known._replace(
        status_at=max(known.status_at, event.at) if status else known.status_at,
        token_at=event.at if is_new_token else known.token_at,
        card_at=event.at if is_new_card else known.card_at,
    )
    return newer, applied


def _status_after(card: Instrument, event: TokenEvent) -> InstrumentStatus:
    if event.status is None:
        return card.status
    return InstrumentStatus.ACTIVE if event.status is TokenStatus.ACTIVE else InstrumentStatus.INACTIVE


def _secrets_after(secrets: InstrumentSecrets, event: TokenEvent) -> InstrumentSecrets:
    if event.token_pan is None or event.token_expiry is None:
        return secrets
    return secrets.with_token(event.token_pan, event.token_expiry.month, event.token_expiry.year)


def _audited(change: _CardChange, event: TokenEvent) -> Iterator[tuple[Action, dict[str, int | str]]]:
    """Return the audit entries of one card."""
    details: dict[str, int | str] = {"reason": event.reason} if event.reason else {}
    before, after = change.before, change.after
    if after.status is not before.status:
        if event.status is not None:
            details = {"token_status": event.status.value, **details}
        if event.suspended_by is not None:
            details = {"suspended_by": event.suspended_by.value, **details}
        yield _ACTIONS[after.status], details
    if after.status is not InstrumentStatus.DELETED:
        changed = [name for name, value in (("token", event.token_pan), ("card", event.last4)) if value is not None]
        if changed:
            yield Action.INSTRUMENT_UPDATED, {"changed": ",".join(changed), "reason": event.reason}


_ACTIONS: Final = {
    InstrumentStatus.ACTIVE: Action.INSTRUMENT_ACTIVATED,
    InstrumentStatus.INACTIVE: Action.INSTRUMENT_SUSPENDED,
    InstrumentStatus.DELETED: Action.INSTRUMENT_DELETED,
}
