"""Whom merchants want told, what happened, and what became of telling them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId
from tokenvault_server.domain.webhook import DeliveryReport, DeliveryState, Endpoint, Event

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
    """Give how many endpoints a merchant has, inside a transaction."""
    return int((yield SQL["count_endpoints"](merchant_id=merchant_id))[0][0])


async def has_endpoints(engine: Engine, merchant_id: MerchantId) -> bool:
    """Tell whether anybody wants to be told of a merchant's cards."""
    return bool(await engine.read(SQL["has_endpoints"](merchant_id=merchant_id)))


async def list_endpoints(engine: Engine, merchant_id: MerchantId | None) -> list[Endpoint]:
    """Give the endpoints of a merchant, or of all of them."""
    one = SQL["list_endpoints"](merchant_id=merchant_id) if merchant_id else SQL["list_all_endpoints"]()
    return [Endpoint(*row) for row in await engine.read(one)]


def delete_endpoint(merchant_id: MerchantId, endpoint_id: str) -> Work[bool]:
    """Drop an endpoint and what it was sent; tell whether it was there."""
    if not (yield SQL["delete_endpoint"](merchant_id=merchant_id, endpoint_id=endpoint_id)):
        return False
    yield SQL["delete_deliveries"](merchant_id=merchant_id, endpoint_id=endpoint_id)
    return True


def announce(event: Event) -> Work[int]:
    """Have every endpoint of a merchant told of an event; give how many there are.

    Their rows are locked one after another in the order of their names, so no two that do this wait for each other.
    """
    found = yield SQL["endpoints_to_tell"](merchant_id=event.merchant_id)
    message = 0
    for (endpoint_id,) in found:
        message += yield from _queue(event, endpoint_id, event.created_at)
    if message:
        yield SQL["insert_event"](**event._asdict())
    return message


def announce_again(event: Event, endpoint_id: str, now: int) -> Work[bool]:
    """Have one endpoint told of an event once more; tell whether there is such an endpoint."""
    return (yield from _queue(event, endpoint_id, now))


def _queue(event: Event, endpoint_id: str, now: int) -> Work[bool]:
    """Put an event in line at an endpoint that is still there, behind what is older about the same instrument."""
    numbers = yield SQL["queue"](merchant_id=event.merchant_id, endpoint_id=endpoint_id, now=now)
    for (number,) in numbers:
        line = {"merchant_id": event.merchant_id, "endpoint_id": endpoint_id, "instrument_id": event.instrument_id}
        ((latest,),) = yield SQL["latest_due"](**line)
        due_at = max(now, latest or now)
        yield SQL["insert_delivery"](**line, number=number, event_id=event.event_id, due_at=due_at)
    return bool(numbers)


async def load_event(engine: Engine, merchant_id: MerchantId, event_id: str) -> Event | None:
    """Give an event, or None."""
    rows = await engine.read(SQL["load_event"](merchant_id=merchant_id, event_id=event_id))
    return Event(*rows[0]) if rows else None


async def deliveries(
    engine: Engine, merchant_id: MerchantId, states: Sequence[DeliveryState], limit: int
) -> list[DeliveryReport]:
    """Give the deliveries of a merchant that are in one of the states, newest event first."""
    wanted = dict(zip(_STATES, (list(states) * len(_STATES))[: len(_STATES)], strict=True))
    rows = await engine.read(SQL["list_deliveries"](merchant_id=merchant_id, limit=limit, **wanted))
    found = sorted((_report(*row) for row in rows), key=lambda report: (report.endpoint_id, report.number))
    return sorted(found, key=lambda report: report.event_id, reverse=True)


async def deliveries_of(engine: Engine, merchant_id: MerchantId, event_id: str) -> list[DeliveryReport]:
    """Give whom an event was sent to."""
    rows = await engine.read(SQL["deliveries_of_event"](merchant_id=merchant_id, event_id=event_id))
    return [_report(*row) for row in rows]


def _report(*row: str | int | None) -> DeliveryReport:
    report = DeliveryReport(*row)  # type: ignore[arg-type]  # the statement's columns are its fields, in order
    return report._replace(state=DeliveryState(report.state))


def forget(merchant_id: MerchantId, instrument_id: InstrumentId, now: int) -> Statement:
    """Have the bodies that tell of an instrument dropped as soon as nobody waits for them."""
    return SQL["forget_events_of"](merchant_id=merchant_id, instrument_id=instrument_id, now=now)


def sweep(now: int, limit: int) -> Work[int]:
    """Drop up to `limit` events that are over, with their deliveries; give how many there were."""
    gone = yield SQL["sweep_events"](now=now, limit=limit)
    for merchant_id, event_id in gone:
        yield SQL["sweep_deliveries"](merchant_id=merchant_id, event_id=event_id)
    return len(gone)


async def how_late(engine: Engine, now: int) -> tuple[int, int]:
    """Give how many endpoints fail, and for how long the next one due has waited, in microseconds."""
    ((failing, due_at),) = await engine.read(SQL["how_late"]())
    return int(failing), max(0, now - (now if due_at is None else due_at))
