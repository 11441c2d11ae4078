"""The queue of an endpoint, as rows: claim it, read what is due, store results, release it.

1. `claim` gives one process the endpoint until a moment. The claim's owner is a random id, not the process's name.
2. `extend` moves that moment. It fails when another process has claimed the endpoint since.
3. `settle` stores the result of an attempt. It changes nothing unless the claim is still valid and the attempt was
   not counted before.
4. `release` ends the claim and stores when the endpoint is due again.

A process that was believed dead and is not has lost its claim: whatever it still tries to store changes nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Row, Work
from tokenvault_server.domain.credential import CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import PartnerLink
from tokenvault_server.domain.protected_row import Tagged
from tokenvault_server.domain.webhook import Delivery, DeliveryState, Endpoint
from tokenvault_server.store.webhooks import SQL

_ANY_COUNT: Final = 2**62


class QueuePosition(NamedTuple):
    """The primary key of an endpoint."""

    merchant_id: MerchantId
    endpoint_id: str


class EndpointClaim(NamedTuple):
    """An endpoint that one process alone sends to until the claim ends."""

    endpoint: Endpoint
    tag: bytes | None
    """The tag of the endpoint's row."""
    owner: str


class Attempt(NamedTuple):
    """The result of one attempt."""

    number: int
    attempt_count: int
    """How many attempts there were before it."""
    state: DeliveryState
    due_at: int
    outcome: str
    answered: int | None
    settled_at: int | None


async def is_due(engine: Engine, now: int) -> bool:
    """Return whether any endpoint that nobody has claimed has something to send."""
    return bool(await engine.read(SQL["is_due"](now=now)))


async def due_endpoints(engine: Engine, now: int, limit: int, *, failing: bool) -> list[QueuePosition]:
    """Return up to `limit` unclaimed endpoints that are due: those whose last batch failed, or the others."""
    least, most = (1, _ANY_COUNT) if failing else (0, 0)
    rows = await engine.read(SQL["due_endpoints"](now=now, limit=limit, least=least, most=most))
    return [QueuePosition(*row) for row in rows]


def claim(position: QueuePosition, owner: str, now: int, until: int) -> Work[EndpointClaim | None]:
    """Claim an endpoint that is due; return None when another process has claimed it or sent everything.

    Claim each endpoint in a transaction of its own. A transaction that saves a card locks the rows of all endpoints
    of the merchant; one that held an endpoint here and waited for the next could deadlock with it.
    """
    rows = yield SQL["claim_endpoint"](**position._asdict(), claim=owner, now=now, until=until)
    return EndpointClaim(Endpoint(*rows[0][:-1]), rows[0][-1], owner) if rows else None


def extend(claim: EndpointClaim, until: int) -> Work[bool]:
    """Extend a claim to a later moment; return whether it was still valid."""
    return bool((yield SQL["extend_claim"](**_position(claim), claim=claim.owner, until=until)))


def release(claim: EndpointClaim, failure_count: int, now: int, earliest: int) -> Work[None]:
    """Release an endpoint until its next delivery is due, but not before `earliest`.

    The first statement locks the endpoint's row, which every transaction that adds a delivery locks too. Only then is
    the next delivery looked up. A delivery that is added at this moment is therefore either seen here, or its
    transaction wakes the endpoint after this one.
    """
    position = _position(claim)
    if (yield SQL["release_endpoint"](**position, claim=claim.owner, failure_count=failure_count, now=now)):
        ((due_at,),) = yield SQL["next_due"](**position)
        yield SQL["schedule_endpoint"](**position, due_at=None if due_at is None else max(due_at, earliest))


async def due_deliveries(engine: Engine, claim: EndpointClaim, now: int, limit: int) -> list[Delivery]:
    """Return up to `limit` deliveries that can be sent now, at most one for each instrument: its oldest."""
    rows = await engine.read(
        SQL["due_deliveries"](**_position(claim), partner_id=claim.endpoint.partner_id, now=now, limit=limit)
    )
    return [Delivery(*row) for row in rows]


def settle(claim: EndpointClaim, attempt: Attempt) -> Work[bool]:
    """Store the result of an attempt; return whether it counted.

    When the delivery will be tried again, later deliveries about the same instrument are moved behind it.
    """
    position = _position(claim)
    settled = yield SQL["settle_delivery"](**position, claim=claim.owner, **attempt._asdict())
    if settled and attempt.state is DeliveryState.PENDING:
        ((instrument_id,),) = settled
        yield SQL["delay_later_deliveries"](**position, instrument_id=instrument_id, due_at=attempt.due_at)
    return bool(settled)


class SigningCredential(NamedTuple):
    """A live credential that may sign for an endpoint, with the link of its partner, if it is a partner's."""

    credential: Tagged[StoredCredential]
    sealed: bytes
    link: Tagged[PartnerLink] | None


async def signing_credentials(engine: Engine, endpoint: Endpoint, now: int, chain: str) -> list[SigningCredential]:
    """Return the live credentials that may sign for an endpoint, oldest first; `chain` is the vault's own."""
    if endpoint.partner_id is None:
        rows = await engine.read(SQL["merchants_signing_secrets"](merchant_id=endpoint.merchant_id, now=now))
    else:
        owner = {"merchant_id": endpoint.merchant_id, "partner_id": endpoint.partner_id}
        rows = await engine.read(SQL["partners_signing_keys"](**owner, now=now, chain=chain))
    return [_signing(endpoint, row) for row in rows]


def _signing(endpoint: Endpoint, row: Row) -> SigningCredential:
    kind = CredentialKind.PARTNER_KEY if endpoint.partner_id else CredentialKind.MERCHANT_SECRET
    credential, sealed, link = row[:8], row[8], row[9:]
    return SigningCredential(
        Tagged(StoredCredential(kind, *credential[:-1]), credential[-1]),
        sealed,
        Tagged(PartnerLink(*link[:-1]), link[-1]) if link else None,
    )


def _position(claim: EndpointClaim) -> dict[str, MerchantId | str]:
    return QueuePosition(claim.endpoint.merchant_id, claim.endpoint.endpoint_id)._asdict()
