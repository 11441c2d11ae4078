"""What workers do with an endpoint's queue: claim it, send from it, note how that went, let go of it.

A claim has an end and an owner. Whoever works on notes its results only while the claim is its own, so that a worker
that was believed dead, and is not, changes nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.webhook import Delivery, DeliveryState, Endpoint
from tokenvault_server.store.webhooks import SQL

_ANY: Final = 2**62


class QueuePosition(NamedTuple):
    """Where an endpoint is found."""

    merchant_id: MerchantId
    endpoint_id: str


class EndpointClaim(NamedTuple):
    """An endpoint that one worker has to itself for a while."""

    endpoint: Endpoint
    owner: str


class Attempt(NamedTuple):
    """How one attempt ended."""

    number: int
    attempt_count: int
    """How many there were before."""
    state: DeliveryState
    due_at: int
    outcome: str
    answered: int | None
    settled_at: int | None


async def is_due(engine: Engine, now: int) -> bool:
    """Tell whether any endpoint that nobody has claimed has something to send."""
    return bool(await engine.read(SQL["is_due"](now=now)))


async def waiting(engine: Engine, now: int, limit: int, *, failing: bool) -> list[QueuePosition]:
    """Give up to `limit` endpoints with something to send, of those that failed the last time or of the others."""
    least, most = (1, _ANY) if failing else (0, 0)
    rows = await engine.read(SQL["waiting_endpoints"](now=now, limit=limit, least=least, most=most))
    return [QueuePosition(*row) for row in rows]


def claim(position: QueuePosition, owner: str, now: int, until: int) -> Work[EndpointClaim | None]:
    """Take an endpoint that waits; None when it does so no more.

    Each in a transaction of its own: whoever holds one and waits for another would stand in the way of savers, who hold
    that one and wait for the first.
    """
    rows = yield SQL["claim_endpoint"](**position._asdict(), claim=owner, now=now, until=until)
    return EndpointClaim(Endpoint(*rows[0]), owner) if rows else None


def keep(claim: EndpointClaim, until: int) -> Work[bool]:
    """Go on until a later moment; tell whether the claim was still good."""
    return bool((yield SQL["keep_endpoint"](**_position(claim), claim=claim.owner, until=until)))


def release(claim: EndpointClaim, failure_count: int, now: int, earliest: int) -> Work[None]:
    """Let go of an endpoint until the next of its deliveries is due, and not before `earliest`.

    The first statement locks its row, which everybody who queues something locks too; only then is looked for what is
    next. So nothing that is being queued at this moment is overlooked.
    """
    position = _position(claim)
    if (yield SQL["release_endpoint"](**position, claim=claim.owner, failure_count=failure_count, now=now)):
        ((due_at,),) = yield SQL["next_due"](**position)
        yield SQL["wake_endpoint_at"](**position, due_at=None if due_at is None else max(due_at, earliest))


async def due(engine: Engine, claim: EndpointClaim, now: int, limit: int) -> list[Delivery]:
    """Give what can be sent now, each instrument once."""
    rows = await engine.read(SQL["due_deliveries"](**_position(claim), now=now, limit=limit))
    return [Delivery(*row) for row in rows]


def settle(claim: EndpointClaim, attempt: Attempt) -> Work[bool]:
    """Note how an attempt ended; tell whether it counted."""
    position = _position(claim)
    found = yield SQL["settle_delivery"](**position, claim=claim.owner, **attempt._asdict())
    if found and attempt.state is DeliveryState.PENDING:
        yield SQL["hold_line"](**position, instrument_id=found[0][0], due_at=attempt.due_at)
    return bool(found)


async def signing_secret(engine: Engine, endpoint: Endpoint, now: int) -> tuple[str, bytes] | None:
    """Give the id and the sealed text of what signs for an endpoint now, or None."""
    if endpoint.partner_id is None:
        statement = SQL["merchants_signing_secret"](merchant_id=endpoint.merchant_id, now=now)
    else:
        whose = {"merchant_id": endpoint.merchant_id, "partner_id": endpoint.partner_id}
        statement = SQL["partners_signing_key"](**whose, now=now)
    rows = await engine.read(statement)
    return (rows[0][0], rows[0][1]) if rows else None


def _position(claim: EndpointClaim) -> dict[str, MerchantId | str]:
    return QueuePosition(claim.endpoint.merchant_id, claim.endpoint.endpoint_id)._asdict()
