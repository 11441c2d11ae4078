"""Applies what a provider reports of a token to its saved cards: status, number, expiry, and the card behind it.

Reports arrive at least once and in any order. The row of the token keeps the moment of the newest change of each kind
that was applied; an older report of that kind changes nothing. A deleted token stays deleted, whatever comes later. So
every order leads to the same state.

Everything about one report is written in one transaction: the cards, their audit entries, and the webhook events. What
has to be sealed is prepared before it, from what was read then; the transaction compares and starts anew on a change.
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
from tokenvault_server.errors import StaleReadError, UnusableAnswerError, VaultError
from tokenvault_server.store import instruments as store
from tokenvault_server.store import merchants, tokens, webhooks
from tokenvault_server.store.tokens import TokenState
from tokenvault_server.tsp.answers import check_event
from tokenvault_server.tsp.events import InboxEvent, TokenEvent, TokenStatus
from tokenvault_server.tsp.provider import TokenServiceProvider
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.idempotency import purge
from tokenvault_server.vault.record_sealer import InstrumentSecrets, RecordSealer
from tokenvault_server.vault.webhook_events import WebhookEvents, nothing
from tokenvault_server.webhooks import bodies

logger = logging.getLogger(__name__)

UNKNOWN_KEPT: Final = 10 * MINUTE
"""How long an event of an unknown token waits. Its card may be about to be saved, which takes up to two minutes."""
_ATTEMPTS: Final = 3
_PAGE: Final = 100

Write = Callable[[], Work[None]]


class _CardChange(NamedTuple):
    """One saved card as it was and as it will be, sealed, with its webhook event."""

    before: Instrument
    after: Instrument
    secrets: InstrumentSecrets
    key_id: int
    webhook: Write


class _Plan(NamedTuple):
    """What was read and what follows from it."""

    known: TokenState
    applied: TokenState
    cards: Sequence[Instrument]
    changes: Sequence[_CardChange]


class TokenEvents:
    """Applies token events to saved cards."""

    def __init__(
        self, engine: Engine, sealer: RecordSealer, audit: AuditTrail, webhook_events: WebhookEvents, clock: Clock
    ) -> None:
        """Change the cards in `engine`."""
        self._engine = engine
        self._sealer = sealer
        self._audit = audit
        self._webhook_events = webhook_events
        self._clock = clock

    async def apply(self, tsp_id: str, event: TokenEvent, caller: Caller | None = None) -> bool:
        """Apply one event durably; False when the vault does not know the token.

        Raises:
            UnusableAnswerError: the event cannot be true of this token.
            StaleReadError: the cards kept changing meanwhile; the event can be applied later.
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

        They raise StaleReadError when the token or its cards changed after they were read here.
        """
        caller = caller or Caller(event.merchant_id, f"tsp:{tsp_id}")
        if await merchants.id_of(self._engine, event.merchant_id) is None:
            return None
        token_index = await self._sealer.token_index(event.merchant_id, tsp_id, event.reference)
        known = await tokens.state(self._engine, event.merchant_id, token_index)
        if known is None:
            check_event(event, None, self._clock.now())
            return None
        cards = await store.list_of_token(self._engine, event.merchant_id, token_index)
        check_event(event, Network(cards[0].network) if cards else None, self._clock.now())
        event, applied = _newer_part(event, known)
        if event.status is None and event.token_pan is None and event.last4 is None:
            return nothing  # all of it is older than what was applied
        changes = [change for card in cards if (change := await self._change(card, event)) is not None]
        plan = _Plan(known, applied, cards, changes)
        return lambda: self._write(caller, token_index, event, plan)

    async def _change(self, card: Instrument, event: TokenEvent) -> _CardChange | None:
        """Return what an event changes of one card, or None when it changes nothing of it."""
        secrets = await self._sealer.open_instrument(card)
        if event.status is TokenStatus.DELETED:
            gone = card._replace(status=InstrumentStatus.DELETED)
            webhook = await self._webhook_events.of_saved(bodies.DELETED, gone, secrets)
            return _CardChange(card, gone, secrets, 0, webhook)
        after = card._replace(status=_status_after(card, event), last4=event.last4 or card.last4)
        new_secrets = _secrets_after(secrets, event)
        if after == card and new_secrets == secrets:
            return None
        after = after._replace(row_version=card.row_version + 1)
        key_id, sealed = await self._sealer.seal_instrument(after, new_secrets)
        webhook = await self._webhook(card, after, new_secrets)
        return _CardChange(card, after._replace(sealed=sealed), secrets, key_id, webhook)

    async def _webhook(self, before: Instrument, after: Instrument, secrets: InstrumentSecrets) -> Write:
        """Return the event that the merchant receives: of a new number or expiry it receives none."""
        if after.status is not before.status:
            event_type = bodies.ACTIVE if after.status is InstrumentStatus.ACTIVE else bodies.INACTIVE
        elif after.last4 != before.last4:
            event_type = bodies.UPDATED
        else:
            return nothing
        return await self._webhook_events.of_saved(event_type, after, secrets)

    def _write(self, caller: Caller, token_index: bytes, event: TokenEvent, plan: _Plan) -> Work[None]:
        now, merchant_id = self._clock.now(), event.merchant_id
        # The token first, then its cards, then the audit chain, then the endpoints: the order of everybody who writes.
        held = yield from tokens.hold(merchant_id, token_index, now)
        cards = yield from store.of_token(merchant_id, token_index)
        if held != plan.known or cards != plan.cards:
            raise StaleReadError(hint="the saved cards of a token changed while its event was prepared")
        yield tokens.note(merchant_id, token_index, plan.applied)
        is_end = event.status is TokenStatus.DELETED
        if is_end and plan.cards:
            yield tokens.end(merchant_id, token_index, now)
        for change in plan.changes:
            yield from _leave_tombstone(change, now) if is_end else _replace(change)
        for change in plan.changes:
            for action, details in _audited(change, event):
                yield from self._audit.append_act(caller, action, change.before, now, details)
        for change in plan.changes:
            yield from _queue_webhook(change, now, is_end=is_end)


class TokenInbox:
    """Takes events from one provider's inbox and acknowledges those that were applied."""

    def __init__(self, provider: TokenServiceProvider, token_events: TokenEvents, clock: Clock) -> None:
        """Read the inbox of `provider`."""
        self._provider = provider
        self._token_events = token_events
        self._clock = clock

    async def pull(self) -> int:
        """Apply what is in the inbox; return how many events were acknowledged.

        An event that cannot be applied now stays in the inbox and does not block those after it.
        """
        done, after, is_last = 0, "", False
        while not is_last:
            page = await self._provider.events(after, _PAGE)
            is_last = len(page) < _PAGE
            settled = [each.event_id for each in page if await self._settle(each)]
            if settled:
                await self._provider.acknowledge(settled)
            done += len(settled)
            after = page[-1].event_id if page else after
        return done

    async def _settle(self, entry: InboxEvent) -> bool:
        """Apply one event; tell whether the inbox may forget it."""
        tsp_id = self._provider.tsp_id
        about = {"tsp_id": tsp_id, "event_id": entry.event_id}
        try:
            if await self._token_events.apply(tsp_id, entry.event):
                return True
        except UnusableAnswerError as error:
            # It cannot become true later, so it would stay for ever.
            logger.error("token event dropped", extra={**about, "hint": error.hint})  # noqa: TRY400  # nothing to trace
            return True
        except VaultError as error:
            logger.warning("token event postponed", extra={**about, "hint": error.hint or error.message})
            return False
        return abs(self._clock.now() - entry.event.at) > UNKNOWN_KEPT


def _replace(change: _CardChange) -> Work[None]:
    yield store.change(change.after, change.key_id)


def _leave_tombstone(change: _CardChange, now: int) -> Work[None]:
    """Leave a tombstone, as deleting through the API does."""
    yield from store.tombstone(change.before, now, change.secrets.afa_reference)
    yield from purge(change.before.merchant_id, change.before.instrument_id)


def _queue_webhook(change: _CardChange, now: int, *, is_end: bool) -> Work[None]:
    """Queue the event of one card; of a deleted one, all bodies go as soon as nobody waits for them."""
    yield from change.webhook()
    if is_end:
        yield webhooks.forget(change.before.merchant_id, change.before.instrument_id, now)


def _newer_part(event: TokenEvent, known: TokenState) -> tuple[TokenEvent, TokenState]:
    """Return the event without what is older than what was applied, and the moments as they are after it."""
    is_end = event.status is TokenStatus.DELETED  # which is final, so that it is never too old
    status = event.status if is_end or event.at > known.status_at else None
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
    return secrets.with_token(event.token_pan.reveal(), event.token_expiry.month, event.token_expiry.year)


def _audited(change: _CardChange, event: TokenEvent) -> Iterator[tuple[Action, dict[str, int | str]]]:
    """Return what the audit trail says of one card."""
    why: dict[str, int | str] = {"reason": event.reason} if event.reason else {}
    before, after = change.before, change.after
    if after.status is not before.status:
        if event.status is not None:
            why = {"token_status": event.status.value, **why}
        if event.suspended_by is not None:
            why = {"suspended_by": event.suspended_by.value, **why}
        yield _ACTIONS[after.status], why
    if after.status is not InstrumentStatus.DELETED:
        changed = [name for name, value in (("token", event.token_pan), ("card", event.last4)) if value is not None]
        if changed:
            yield Action.INSTRUMENT_UPDATED, {"changed": ",".join(changed), "reason": event.reason}


_ACTIONS: Final = {
    InstrumentStatus.ACTIVE: Action.INSTRUMENT_ACTIVATED,
    InstrumentStatus.INACTIVE: Action.INSTRUMENT_SUSPENDED,
    InstrumentStatus.DELETED: Action.INSTRUMENT_DELETED,
}
