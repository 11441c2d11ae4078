"""Webhook endpoints, events and deliveries, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId, PartnerId
from tokenvault_server.domain.protected_row import Tagged
from tokenvault_server.domain.webhook import DeliveryReport, DeliveryState, Endpoint, Event, QueueLength

SQL = queries.load("tokenvault_server.store", "webhooks.sql")
_STATES: Final = ("first", "second", "third")


def insert_endpoint(endpoint: Endpoint) -> Statement:
    """Add an endpoint."""
    return SQL["insert_endpoint"](
        merchant_id=endpoint.merchant_id,
        endpoint_id=endpoint.endpoint_id,
        partner_id=endpoint.partner_id,
        url=endpoint.url,
        created_at=endpoint.created_at,
    )


def count_endpoints(merchant_id: MerchantId) -> Work[int]:
    """Return how many endpoints a merchant has, inside a transaction."""
    return int((yield SQL["count_endpoints"](merchant_id=merchant_id))[0][0])


async def has_endpoints(engine: Engine, merchant_id: MerchantId) -> bool:
    """Return whether a merchant has any endpoint."""
    return bool(await engine.read(SQL["has_endpoints"](merchant_id=merchant_id)))


async def list_endpoints(engine: Engine, merchant_id: MerchantId | None) -> list[Tagged[Endpoint]]:
    """Return the endpoints of a merchant, or of all of them."""
    one = SQL["list_endpoints"](merchant_id=merchant_id) if merchant_id else SQL["list_all_endpoints"]()
    return [Tagged(Endpoint(*columns), tag) for *columns, tag in await engine.read(one)]


async def endpoints_of_partner(engine: Engine, partner_id: PartnerId) -> list[Tagged[Endpoint]]:
    """Return the endpoints that a partner's key signs for."""
    rows = await engine.read(SQL["endpoints_of_partner"](partner_id=partner_id))
    return [Tagged(Endpoint(*columns), tag) for *columns, tag in rows]


async def queues(engine: Engine, merchant_id: MerchantId) -> dict[str, QueueLength]:
    """Return how many deliveries wait at each endpoint of a merchant, and how many were given up."""
    rows = await engine.read(SQL["queue_of_endpoints"](merchant_id=merchant_id))
    return {endpoint_id: QueueLength(pending, dead) for endpoint_id, pending, dead in rows}


def delete_endpoint(merchant_id: MerchantId, endpoint_id: str) -> Work[bool]:
    """Delete an endpoint and its deliveries; return whether it existed."""
    if not (yield SQL["delete_endpoint"](merchant_id=merchant_id, endpoint_id=endpoint_id)):
        return False
    yield SQL["delete_deliveries"](merchant_id=merchant_id, endpoint_id=endpoint_id)
    return True


def insert_event(event: Event) -> Work[int]:
    """Write an event and a delivery for each endpoint that it concerns; return how many deliveries there are.

    The endpoints' rows are locked one after another in the order of their ids, so that two transactions that do this
    cannot deadlock. Without endpoints nothing is written.
    """
    endpoints = yield SQL["endpoints_for_event"](merchant_id=event.merchant_id)
    delivery_count = 0
    for (endpoint_id,) in endpoints:
        delivery_count += yield from _insert_delivery(event, endpoint_id, event.created_at)
    if delivery_count:
        yield SQL["insert_event"](**event._asdict())
    return delivery_count


def requeue(event: Event, endpoint_id: str, now: int) -> Work[bool]:
    """Write one more delivery of an event to an endpoint; return whether there is such an endpoint."""
    return (yield from _insert_delivery(event, endpoint_id, now))


def _insert_delivery(event: Event, endpoint_id: str, now: int) -> Work[bool]:
    """Add a delivery to an endpoint that still exists, after pending ones about the same instrument."""
    numbers = yield SQL["next_delivery_number"](merchant_id=event.merchant_id, endpoint_id=endpoint_id, now=now)
    for (number,) in numbers:
        instrument = {
            "merchant_id": event.merchant_id,
            "endpoint_id": endpoint_id,
            "instrument_id": event.instrument_id,
        }
        ((latest,),) = yield SQL["latest_due"](**instrument)
        due_at = max(now, latest or now)
        yield SQL["insert_delivery"](**instrument, number=number, event_id=event.event_id, due_at=due_at)
    return bool(numbers)


async def load_event(engine: Engine, merchant_id: MerchantId, event_id: str) -> Event | None:
    """Return an event, or None."""
    rows = await engine.read(SQL["load_event"](merchant_id=merchant_id, event_id=event_id))
    return Event(*rows[0]) if rows else None


async def deliveries(
    engine: Engine, merchant_id: MerchantId, states: Sequence[DeliveryState], limit: int
) -> list[DeliveryReport]:
    """Return the deliveries of a merchant that are in one of the states, newest event first."""
    wanted = dict(zip(_STATES, (list(states) * len(_STATES))[: len(_STATES)], strict=True))
    rows = await engine.read(SQL["list_deliveries"](merchant_id=merchant_id, limit=limit, **wanted))
    by_endpoint = sorted((_report(*row) for row in rows), key=lambda report: (report.endpoint_id, report.number))
    return sorted(by_endpoint, key=lambda report: report.event_id, reverse=True)


async def deliveries_of(engine: Engine, merchant_id: MerchantId, event_id: str) -> list[DeliveryReport]:
    """Return the deliveries of an event, by endpoint."""
    rows = await engine.read(SQL["deliveries_of_event"](merchant_id=merchant_id, event_id=event_id))
    return [_report(*row) for row in rows]


def _report(*row: str | int | None) -> DeliveryReport:
    report = DeliveryReport(*row)  # type: ignore[arg-type]  # the statement's columns are its fields, in order
    return report._replace(state=DeliveryState(report.state))


def forget(merchant_id: MerchantId, instrument_id: InstrumentId, now: int) -> Statement:
    """Let the events of an instrument be deleted as soon as none of their deliveries is pending."""
    return SQL["forget_events_of"](merchant_id=merchant_id, instrument_id=instrument_id, now=now)


def sweep(now: int, limit: int) -> Work[int]:
    """Delete up to `limit` events whose time is over, with their deliveries; return how many there were."""
    swept = yield SQL["sweep_events"](now=now, limit=limit)
    for merchant_id, event_id in swept:
        yield SQL["sweep_deliveries"](merchant_id=merchant_id, event_id=event_id)
    return len(swept)


async def pending(engine: Engine, limit: int = 10_000) -> int:
    """Return how many deliveries wait for their next attempt, at most `limit`."""
    ((count,),) = await engine.read(SQL["pending_deliveries"](limit=limit))
    return int(count)


async def lag(engine: Engine, now: int) -> tuple[int, int]:
    """Return how many endpoints fail, and for how long the oldest due one has waited, in microseconds."""
    ((failing, due_at),) = await engine.read(SQL["lag"]())
    return int(failing), max(0, now - (now if due_at is None else due_at))
