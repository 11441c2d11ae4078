"""Webhook endpoints and what they were sent: adding, removing, listing, showing, sending again; for operators.

Whoever writes here appends to the merchant's audit chain first and then touches endpoints, as those do who save cards:
else the two would wait for each other. It also makes the limit of endpoints hold, which is counted after that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId, PartnerId, prefixed
from tokenvault_server.domain.webhook import DeliveryReport, DeliveryState, Endpoint
from tokenvault_server.errors import (
    EndpointNotFoundError,
    EventNotFoundError,
    InvalidFieldError,
    MerchantNotFoundError,
    TooManyEndpointsError,
)
from tokenvault_server.store import merchants, partners
from tokenvault_server.store import webhooks as store
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.webhook_events import RECORD_TYPE

MAX_ENDPOINTS: Final = 10

Check = Callable[[str], object]
Details = dict[str, int | str]


class Webhooks:
    """The verbs on endpoints and deliveries."""

    def __init__(self, engine: Engine, sealer: RecordSealer, audit: AuditTrail, clock: Clock, check_url: Check) -> None:
        """Keep endpoints in `engine`; `check_url` raises for what must not become one."""
        self._engine = engine
        self._sealer = sealer
        self._audit = audit
        self._clock = clock
        self._check_url = check_url

    async def add(self, merchant_id: MerchantId, url: str, actor: str, partner_id: PartnerId | None = None) -> Endpoint:
        """Have a merchant's notifications posted to a URL from now on; a partner's key signs them if one is named.

        Raises InvalidFieldError, which says what is wrong with the URL or that the partner does not act for the
        merchant, MerchantNotFoundError, or TooManyEndpointsError.
        """
        self._check_url(url)
        now = self._clock.now()
        endpoint = Endpoint(merchant_id, prefixed("whe", now), partner_id, url, now)

        def body() -> Work[None]:
            if not (yield from merchants.exists(merchant_id)):
                raise MerchantNotFoundError
            details: Details = {"endpoint_id": endpoint.endpoint_id}
            yield from self._append(merchant_id, Action.WEBHOOK_ENDPOINT_ADDED, actor, details)
            if (yield from store.count_endpoints(merchant_id)) >= MAX_ENDPOINTS:
                raise TooManyEndpointsError
            if partner_id and not (yield from partners.is_linked(merchant_id, partner_id)):
                raise InvalidFieldError("partner", "does not act for this merchant")
            yield store.insert_endpoint(endpoint)

        await self._engine.commit(body)
        return endpoint

    async def remove(self, merchant_id: MerchantId, endpoint_id: str, actor: str) -> None:
        """Send nothing more to an endpoint, and forget what it was sent."""

        def body() -> Work[None]:
            details: Details = {"endpoint_id": endpoint_id}
            yield from self._append(merchant_id, Action.WEBHOOK_ENDPOINT_REMOVED, actor, details)
            if not (yield from store.delete_endpoint(merchant_id, endpoint_id)):
                raise EndpointNotFoundError

        await self._engine.commit(body)

    async def endpoints(self, merchant_id: MerchantId | None = None) -> list[Endpoint]:
        """Give the endpoints of a merchant, or of all, oldest first."""
        return await store.list_endpoints(self._engine, merchant_id)

    async def deliveries(
        self, merchant_id: MerchantId, states: Sequence[DeliveryState] = tuple(DeliveryState), limit: int = 100
    ) -> list[DeliveryReport]:
        """Give the deliveries of a merchant that are in one of these states, newest first."""
        return await store.deliveries(self._engine, merchant_id, states, limit)

    async def deliveries_of(self, merchant_id: MerchantId, event_id: str) -> list[DeliveryReport]:
        """Give whom an event was sent to and what became of it; EventNotFoundError when it is not kept."""
        found = await store.deliveries_of(self._engine, merchant_id, event_id)
        if not found:
            raise EventNotFoundError
        return found

    async def body_of(self, merchant_id: MerchantId, event_id: str) -> str:
        """Give an event's body as it is sent; EventNotFoundError when it is not kept."""
        event = await store.load_event(self._engine, merchant_id, event_id)
        if event is None:
            raise EventNotFoundError
        return await self._sealer.open_text(merchant_id, RECORD_TYPE, event_id, event.sealed)

    async def resend(
        self, merchant_id: MerchantId, event_id: str, actor: str, endpoint_id: str | None = None
    ) -> list[str]:
        """Send an event once more to an endpoint, or to all it was sent to; give their ids."""
        event = await store.load_event(self._engine, merchant_id, event_id)
        if event is None:
            raise EventNotFoundError
        message = {report.endpoint_id for report in await store.deliveries_of(self._engine, merchant_id, event_id)}
        chosen = [endpoint_id] if endpoint_id else sorted(message)

        def body() -> Work[None]:
            yield from self._append(merchant_id, Action.WEBHOOK_RESENT, actor, {"event_id": event_id})
            for each in chosen:
                if not (yield from store.announce_again(event, each, self._clock.now())):
                    raise EndpointNotFoundError

        await self._engine.commit(body)
        return chosen

    def _append(self, merchant_id: MerchantId, action: Action, actor: str, details: Details) -> Work[None]:
        event = AuditEntry(at=self._clock.now(), action=action, actor=actor, details=details)
        yield from self._audit.append(merchant_id, event)
