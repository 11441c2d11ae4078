"""Webhooks that the control plane makes: events out of turn, and captured ones sent again."""

from __future__ import annotations

from typing import Final

from tokenvault_contract.webhook_events import EVENT_TYPES
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import CustomerId, MerchantId, acceptable_segment
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator.captured_webhooks import CapturedWebhook, CapturedWebhooks, WebhookFilter
from tokenvault_server.emulator.cards import Cards
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.seeds import DEFAULT_CARD
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.webhook_events import WebhookEvents
from tokenvault_server.webhooks import bodies, headers
from tokenvault_server.webhooks.sending import Connector

_STATUS: Final = {
    bodies.ACTIVE: InstrumentStatus.ACTIVE,
    bodies.INACTIVE: InstrumentStatus.INACTIVE,
    bodies.DELETED: InstrumentStatus.DELETED,
}


class WebhookActions:
    """Makes events and attempts for the ready-made merchant."""

    def __init__(  # noqa: PLR0913  # the parts that an event passes
        self,
        *,
        merchant_id: MerchantId,
        secret: Secret[str],
        engine: Engine,
        sealer: RecordSealer,
        events: WebhookEvents,
        cards: Cards,
        captured: CapturedWebhooks,
        connector: Connector,
        clock: Clock,
    ) -> None:
        """Sign with `secret`, and send through `connector`."""
        self._merchant_id = merchant_id
        self._secret = secret
        self._engine = engine
        self._sealer = sealer
        self._events = events
        self._cards = cards
        self._captured = captured
        self._connector = connector
        self._clock = clock

    async def fire(self, event_type: str, instrument_id: str, customer: str) -> None:
        """Write an event about a saved card, or that a card could not be saved, without a cause.

        Raises:
            ControlError: the type is unknown, or there is no such card or customer id.
        """
        if event_type not in EVENT_TYPES:
            raise ControlError.invalid("type", "is not known", EVENT_TYPES)
        if event_type == bodies.FAILED:
            if not acceptable_segment(customer):
                raise ControlError.invalid("customer", "is needed for this event", ["a customer id"])
            details = CardDetails(Pan(DEFAULT_CARD), Expiry(2099, 12))
            evidence = Evidence("fired", self._clock.now(), "fired")
            request = ProvisionRequest(details, self._merchant_id, CustomerId(customer), evidence)
            await self._events.instrument_failed(request, TokenServiceUnavailableError())
            return
        card = await self._cards.find(instrument_id)
        secrets = await self._sealer.open_instrument(card)
        shown = card._replace(status=_STATUS.get(event_type, card.status))
        await self._engine.commit(await self._events.of_saved(event_type, shown, secrets))

    async def resend(self, webhook_id: str) -> CapturedWebhook:
        """Send a captured body to the same endpoint once more, with a new time and signature.

        Raises:
            ControlError: no captured webhook has this id.
        """
        earlier = self._captured.get(webhook_id)
        body = earlier.body.encode()
        sent = headers.of_attempt(body, self._secret, earlier.attempt + 1, self._clock.now())
        connection = self._connector.connection(earlier.url)
        obstacle = await connection.open()
        if obstacle is not None:
            self._captured.add(earlier.url, sent, body, obstacle)
        else:
            await connection.send(sent, body)
        connection.close()
        return self._captured.find(WebhookFilter())[-1]
