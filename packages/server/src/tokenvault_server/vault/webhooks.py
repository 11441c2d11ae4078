"""Webhook endpoints and their deliveries, for operators: add, remove, list, show, resend.

Every transaction here appends to the merchant's audit chain before it touches endpoints, in the same order as the
transactions that save cards. In another order the two could deadlock. The lock on the chain also makes the limit of
endpoints hold, because they are counted after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId, PartnerId, prefixed
from tokenvault_server.domain.protected_row import RowId, RowKind, of_endpoint, of_link
from tokenvault_server.domain.webhook import DeliveryReport, DeliveryState, Endpoint, QueueLength
from tokenvault_server.errors import (
    EndpointNotFoundError,
    EventNotFoundError,
    InvalidFieldError,
    TooManyEndpointsError,
)
from tokenvault_server.store import partners
from tokenvault_server.store import webhooks as store
from tokenvault_server.vault.account_checks import merchant_is_kept
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.row_tags import RowTags, details_of_removed, removed
from tokenvault_server.vault.webhook_events import RECORD_TYPE

MAX_ENDPOINTS: Final = 10

Check = Callable[[str], object]
Details = dict[str, int | str]


class Webhooks:
    """Manages endpoints and deliveries."""

    def __init__(
        self,
        engine: Engine,
        sealer: RecordSealer,
        row_tags: RowTags,
        audit: AuditTrail,
        clock: Clock,
        check_url: Check,
    ) -> None:
        """Store endpoints in `engine`; `check_url` raises for a URL that must not be used."""
        self._engine = engine
        self._sealer = sealer
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock
        self._check_url = check_url

    async def add(self, merchant_id: MerchantId, url: str, actor: str, partner_id: PartnerId | None = None) -> Endpoint:
        """Post a merchant's events to a URL from now on, signed with the partner's key if a partner is named.

        Raises:
            InvalidFieldError: the URL cannot be used, or the partner does not act for the merchant.
            MerchantNotFoundError: no merchant has this id.
            AccountRemovedError: it was removed.
            TooManyEndpointsError: the merchant has the maximum number of endpoints.
        """
        self._check_url(url)
        now = self._clock.now()
        endpoint = Endpoint(merchant_id, prefixed("whe", now), partner_id, url, now)
        tagger = await self._row_tags.tagger()
        tags = tagger.tags(of_endpoint(endpoint))

        def body() -> Work[None]:
            yield from merchant_is_kept(merchant_id)
            details = {"endpoint_id": endpoint.endpoint_id} | tags.details
            yield from self._append(merchant_id, Action.WEBHOOK_ENDPOINT_ADDED, actor, details)
            if (yield from store.count_endpoints(merchant_id)) >= MAX_ENDPOINTS:
                raise TooManyEndpointsError
            if partner_id:
                link = yield from partners.load_link(merchant_id, partner_id)
                if link is None or not tagger.is_genuine(of_link(link.value), link.tag):
                    raise InvalidFieldError("partner", "does not act for this merchant")
            yield store.insert_endpoint(endpoint)
            yield from tags.put()

        await self._engine.commit(body)
        return endpoint

    async def remove(self, merchant_id: MerchantId, endpoint_id: str, actor: str) -> None:
        """Delete an endpoint and its deliveries.

        Raises:
            EndpointNotFoundError: the merchant has no such endpoint.
        """
        row = RowId(merchant_id, RowKind.WEBHOOK_ENDPOINT, endpoint_id)

        def body() -> Work[None]:
            details = {"endpoint_id": endpoint_id} | details_of_removed(row)
            yield from self._append(merchant_id, Action.WEBHOOK_ENDPOINT_REMOVED, actor, details)
            if not (yield from store.delete_endpoint(merchant_id, endpoint_id)):
                raise EndpointNotFoundError
            yield from removed(row)

        await self._engine.commit(body)

    async def endpoints(self, merchant_id: MerchantId | None = None) -> list[Endpoint]:
        """Return the endpoints of a merchant, or of all merchants, oldest first.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        return await self._row_tags.checked(await store.list_endpoints(self._engine, merchant_id), of_endpoint)

    async def endpoints_of_partner(self, partner_id: PartnerId) -> list[Endpoint]:
        """Return the endpoints that a partner's key signs for, by merchant.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        return await self._row_tags.checked(await store.endpoints_of_partner(self._engine, partner_id), of_endpoint)

    async def queues(self, merchant_id: MerchantId) -> dict[str, QueueLength]:
        """Return how many deliveries wait at each endpoint of a merchant; endpoints without deliveries are left out."""
        return await store.queues(self._engine, merchant_id)

    async def deliveries(
        self, merchant_id: MerchantId, states: Sequence[DeliveryState] = tuple(DeliveryState), limit: int = 100
    ) -> list[DeliveryReport]:
        """Return the deliveries of a merchant that are in one of these states, newest first."""
        return await store.deliveries(self._engine, merchant_id, states, limit)

    async def deliveries_of(self, merchant_id: MerchantId, event_id: str) -> list[DeliveryReport]:
        """Return the deliveries of an event.

        Raises:
            EventNotFoundError: the merchant has no such event, or it is not kept any more.
        """
        reports = await store.deliveries_of(self._engine, merchant_id, event_id)
        if not reports:
            raise EventNotFoundError
        return reports

    async def body_of(self, merchant_id: MerchantId, event_id: str) -> str:
        """Return an event's body as it is sent.

        Raises:
            EventNotFoundError: the merchant has no such event, or it is not kept any more.
        """
        event = await store.load_event(self._engine, merchant_id, event_id)
        if event is None:
            raise EventNotFoundError
        return await self._sealer.open_text(merchant_id, RECORD_TYPE, event_id, event.sealed)

    async def resend(
        self, merchant_id: MerchantId, event_id: str, actor: str, endpoint_id: str | None = None
    ) -> list[str]:
        """Send an event again, to one endpoint or to all that it was sent to; return their ids.

        Raises:
            EventNotFoundError: the merchant has no such event, or it is not kept any more.
            EndpointNotFoundError: the merchant has no such endpoint.
        """
        event = await store.load_event(self._engine, merchant_id, event_id)
        if event is None:
            raise EventNotFoundError
        reports = await store.deliveries_of(self._engine, merchant_id, event_id)
        endpoint_ids = [endpoint_id] if endpoint_id else sorted({report.endpoint_id for report in reports})

        def body() -> Work[None]:
            yield from self._append(merchant_id, Action.WEBHOOK_RESENT, actor, {"event_id": event_id})
            for each in endpoint_ids:
                if not (yield from store.requeue(event, each, self._clock.now())):
                    raise EndpointNotFoundError

        await self._engine.commit(body)
        return endpoint_ids

    def _append(self, merchant_id: MerchantId, action: Action, actor: str, details: Details) -> Work[None]:
        entry = AuditEntry(at=self._clock.now(), action=action, actor=actor, details=details)
        yield from self._audit.append(merchant_id, entry)
