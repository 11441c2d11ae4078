"""Makes the events that merchants get about their saved cards, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Callable

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.clock import DAY, Clock
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId, prefixed, uuid7
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.webhook import Event, Failure
from tokenvault_server.errors import CardNotSupportedError, VaultError
from tokenvault_server.store import webhooks as store
from tokenvault_server.tsp.provider import ProvisionRequest
from tokenvault_server.vault.record_sealer import InstrumentSecrets, RecordSealer
from tokenvault_server.webhooks import bodies

RECORD_TYPE = "webhook"


class WebhookEvents:
    """Writes events for merchants that have endpoints; for others nothing is made and nothing stored."""

    def __init__(self, engine: Engine, sealer: RecordSealer, clock: Clock, keep_days: int) -> None:
        """Store events in `engine`, sealed by `sealer`, for `keep_days` days."""
        self._engine = engine
        self._sealer = sealer
        self._clock = clock
        self._keep_days = keep_days

    async def of_saved(
        self, event_type: str, instrument: Instrument, secrets: InstrumentSecrets
    ) -> Callable[[], Work[None]]:
        """Return the writes of an event about a saved card, as `instrument` shows it."""
        merchant_id, now = instrument.merchant_id, self._clock.now()
        if not await store.has_endpoints(self._engine, merchant_id):
            return nothing
        body = bodies.of_saved(event_type, instrument, par=secrets.par, afa_reference=secrets.afa_reference, now=now)
        return _insertion(await self._event(merchant_id, instrument.instrument_id, event_type, body, now))

    async def instrument_failed(self, request: ProvisionRequest, error: VaultError) -> None:
        """Write the event that a card could not be saved, in a transaction of its own: nothing else is written."""
        if not await store.has_endpoints(self._engine, request.merchant_id):
            return
        now = self._clock.now()
        instrument_id = InstrumentId(uuid7(now))
        body = bodies.instrument_failed(instrument_id, _failure(request, error), now)
        event = await self._event(request.merchant_id, instrument_id, bodies.FAILED, body, now)
        await self._engine.commit(_insertion(event))

    async def add(self, merchant_id: MerchantId, subject_id: str, event_type: str, body: bytes) -> None:
        """Write an event about something else than a saved card, in a transaction of its own.

        Events with one `subject_id` are delivered in the order in which they were added.
        """
        if not await store.has_endpoints(self._engine, merchant_id):
            return
        event = await self._event(merchant_id, InstrumentId(subject_id), event_type, body, self._clock.now())
        await self._engine.commit(_insertion(event))

    async def _event(
        self, merchant_id: MerchantId, instrument_id: InstrumentId, event_type: str, body: bytes, now: int
    ) -> Event:
        event_id = prefixed("evt", now)
        sealed = await self._sealer.seal_text(merchant_id, RECORD_TYPE, event_id, body.decode())
        forget_at = now + self._keep_days * DAY
        return Event(merchant_id, event_id, instrument_id, event_type, sealed, now, forget_at)


def nothing() -> Work[None]:
    """Write nothing."""
    yield from ()


def _insertion(event: Event) -> Callable[[], Work[None]]:
    def body() -> Work[None]:
        yield from store.insert_event(event)

    return body


def _failure(request: ProvisionRequest, error: VaultError) -> Failure:
    """Return why a card could not be saved, in codes that receivers know. Cashfree documents `NETWORK_ERROR`."""
    is_unsupported = isinstance(error, CardNotSupportedError)
    return Failure(
        request.customer_id,
        request.evidence.afa_reference,
        request.card.pan.last4,
        "CARD_NOT_SUPPORTED" if is_unsupported else "NETWORK_ERROR",
        error.message,
        "NETWORK",
    )
