"""Sends webhook events: at least once, and in order for each instrument.

The life of a delivery:

1. The transaction that changes a saved card writes the event and one delivery for each endpoint (`webhook_events`).
   It also sets the time at which the endpoint is due.
2. `start_due` looks for endpoints that are due. It claims each in a transaction of its own. A claim names its owner
   and the time at which it ends, so that one process at a time sends to an endpoint.
3. A batch starts for each claim. It resolves the host name, then sends group after group of deliveries. A group holds
   the oldest pending delivery of up to `concurrent_attempts` instruments; they are sent at the same time.
4. Each attempt is one HTTP POST. Its result is stored at once: the delivery is `delivered`, stays `pending` until its
   next attempt, or is `dead` after the last one. Later deliveries about the same instrument wait as long.
5. The batch ends when nothing is due, when its time is over, or when no attempt of a group was delivered. It releases
   the claim and stores when the endpoint is due again.
6. A process that dies leaves its claims behind. When a claim has ended, another process takes the endpoint and repeats
   the attempts whose results were not stored.

Between two groups a batch holds only its claim in memory; the queue itself stays in the database, whatever its length.
Endpoints that failed or were slow in their last batch get at most half of the concurrent batches, however many there
are, so that they do not delay endpoints that answer. The endpoint whose last batch is longest ago comes first.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from tokenvault_server.database.engine import Engine, in_batches
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.protected_row import of_credential, of_endpoint, of_link
from tokenvault_server.domain.secret import Secret
from tokenvault_server.domain.tracebacks import described
from tokenvault_server.domain.webhook import Delivery, DeliveryState, Endpoint
from tokenvault_server.errors import VaultError
from tokenvault_server.store import webhook_queue as queue
from tokenvault_server.store import webhooks as store
from tokenvault_server.store.webhook_queue import Attempt, EndpointClaim, QueuePosition
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.row_tags import RowTags
from tokenvault_server.vault.webhook_events import RECORD_TYPE
from tokenvault_server.webhooks import headers
from tokenvault_server.webhooks.schedule import Schedule
from tokenvault_server.webhooks.sending import Connection, Connector, Outcome

logger = logging.getLogger(__name__)

_CLAIM_MARGIN: Final = 30 * SECOND
"""How much longer than an attempt's deadline a claim lasts: for resolving the host name, and for clock differences."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much is sent at the same time. These numbers also bound the memory that it takes."""

    concurrent_endpoints: int = 32
    """Batches at the same time; at most half of them for endpoints that failed in their last batch."""
    concurrent_attempts: int = 8
    """Attempts at the same time for one endpoint: the size of a group."""
    batch_seconds: float = 10
    """After this time a batch ends, so that other endpoints get theirs."""
    slow_seconds: float = 3
    """A group that takes longer counts as a failure of its endpoint."""


class DeliveryMetrics(Protocol):
    """Counts attempts."""

    def attempt(self, outcome: str, seconds: float) -> None:
        """Count one attempt."""
        ...

    def gave_up(self) -> None:
        """Count a delivery whose last attempt failed."""
        ...

    def lag(self, failing: int, seconds: float) -> None:
        """Record how many endpoints fail, and for how long the oldest due delivery has waited."""
        ...


@dataclass(slots=True)
class _Batch:
    """What one process sends to one endpoint while it holds the claim."""

    claim: EndpointClaim
    connection: Connection
    obstacle: Outcome | None
    """The outcome of every attempt when nothing can be sent, such as an unknown host name."""
    failure_count: int
    extended_at: int
    """When the claim was made or last extended."""
    earliest: int = 0
    """The endpoint is not due again before this time."""
    failed: int = 0
    given_up: int = 0
    last_failure: Attempt | None = None

    def record(self, attempt: Attempt) -> None:
        """Count an attempt that failed."""
        if attempt.state is not DeliveryState.DELIVERED:
            self.failed += 1
            self.given_up += attempt.state is DeliveryState.DEAD
            self.last_failure = attempt

    def log(self) -> None:
        """Log the failures of the whole batch in one line, so that an unreachable endpoint cannot flood the log."""
        if self.last_failure is None:
            return
        logger.warning(
            "webhooks failed",
            extra={
                "merchant_id": self.claim.endpoint.merchant_id,
                "endpoint_id": self.claim.endpoint.endpoint_id,
                "count": self.failed,
                "given_up": self.given_up,
                "outcome": self.last_failure.outcome,
                "answered": self.last_failure.answered,
            },
        )


class Deliveries:
    """Sends the deliveries that are due."""

    def __init__(
        self,
        engine: Engine,
        sealer: RecordSealer,
        row_tags: RowTags,
        connector: Connector,
        schedule: Schedule,
        clock: Clock,
        metrics: DeliveryMetrics,
        limits: DeliveryLimits,
    ) -> None:
        """Send the deliveries in `engine` through `connector`, and retry them by `schedule`."""
        self._engine = engine
        self._sealer = sealer
        self._row_tags = row_tags
        self._connector = connector
        self._schedule = schedule
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._claim_length = int(connector.deadline_seconds * SECOND) + _CLAIM_MARGIN
        self._batches: dict[asyncio.Task[None], bool] = {}
        """Each running batch, and whether its endpoint failed in the batch before."""
        self._is_closing = False

    @property
    def connector(self) -> Connector:
        """Makes the connections of all attempts."""
        return self._connector

    async def start_due(self) -> int:
        """Start a batch for each endpoint that is due, up to the limits; return how many were started."""
        # Called twice a second, and nearly always there is nothing to send: one cheap read comes first.
        if self._is_closing or not await queue.is_due(self._engine, self._clock.now()):
            return 0
        # Endpoints that answered in their last batch come first. They may take every free place.
        started = await self._start(self._limits.concurrent_endpoints - len(self._batches), failing=False)
        # Endpoints that failed get what is left, and never more than half of all places.
        free = self._limits.concurrent_endpoints - len(self._batches)
        free_for_failing = max(1, self._limits.concurrent_endpoints // 2) - sum(self._batches.values())
        return started + await self._start(min(free, free_for_failing), failing=True)

    async def finish(self) -> None:
        """Return when no batch is running."""
        while self._batches:
            await asyncio.wait(self._batches)

    async def close(self) -> None:
        """Start no further batch, and let every running one end after its current group."""
        self._is_closing = True
        await self.finish()
        self._connector.close()

    async def sweep(self) -> None:
        """Delete events whose time is over, and measure how late the queue is."""
        await in_batches(self._engine, partial(store.sweep, self._clock.now()))
        failing, lag = await store.lag(self._engine, self._clock.now())
        self._metrics.lag(failing, lag / SECOND)

    async def _start(self, limit: int, *, failing: bool) -> int:
        """Claim up to `limit` endpoints and start their batches; return how many were started."""
        if limit <= 0:
            return 0
        positions = await queue.due_endpoints(self._engine, self._clock.now(), limit, failing=failing)
        claims = [claim for claim in await asyncio.gather(*map(self._claim, positions)) if claim]
        for claim in claims:
            batch = asyncio.create_task(self._run_logged(self._send_batch(claim)))
            self._batches[batch] = failing
            batch.add_done_callback(self._batches.pop)
        return len(claims)

    async def _claim(self, position: QueuePosition) -> EndpointClaim | None:
        """Claim an endpoint under a random owner id; None when another process was first."""
        owner, now = secrets.token_hex(8), self._clock.now()
        return await self._engine.commit(lambda: queue.claim(position, owner, now, now + self._claim_length))

    async def _run_logged(self, batch: Coroutine[Any, Any, None]) -> None:
        """Run a batch to its end. After an error its claim ends by itself, and the endpoint is tried again."""
        try:
            await batch
        except VaultError as error:
            logger.warning("will be tried again", extra={"task": "webhooks", "hint": error.hint or error.message})
        except Exception as error:  # noqa: BLE001  # whatever failed, other batches go on
            logger.error("will be tried again", extra={"task": "webhooks", **described(error)})  # noqa: TRY400

    async def _send_batch(self, claim: EndpointClaim) -> None:
        """Send the deliveries of one endpoint, then release its claim."""
        # The host name is resolved once for the batch, and every attempt connects to the addresses that were checked.
        connection = self._connector.connection(claim.endpoint.url)
        is_genuine = await self._row_tags.is_genuine(of_endpoint(claim.endpoint), claim.tag)
        obstacle = await connection.open() if is_genuine else Outcome("endpoint_changed")
        batch = _Batch(claim, connection, obstacle, claim.endpoint.failure_count, self._clock.now())
        try:
            if not await self._send_groups(batch):
                return  # another process holds the endpoint now, and would ignore our release
        finally:
            connection.close()
            batch.log()
        # The release also stores when the endpoint is due again, and whether it counts as failing.
        now = self._clock.now()
        await self._engine.commit(lambda: queue.release(claim, batch.failure_count, now, batch.earliest))

    async def _send_groups(self, batch: _Batch) -> bool:
        """Send group after group of due deliveries; return whether the claim was valid to the end."""
        elapsed = asyncio.get_running_loop().time
        end = elapsed() + self._limits.batch_seconds
        while not self._is_closing and elapsed() < end:
            # A group is begun only while the claim lasts long enough for all of its attempts.
            if not await self._extend_claim(batch):
                return False
            due = await queue.due_deliveries(
                self._engine, batch.claim, self._clock.now(), self._limits.concurrent_attempts
            )
            if not due:
                # Without the pause, a steady trickle of events would have the endpoint claimed for each of them.
                batch.earliest = self._clock.now() + int(self._connector.empty_queue_pause * SECOND)
                break
            started = elapsed()
            is_any_delivered = await self._send_group(batch, due)
            is_slow = elapsed() - started > self._limits.slow_seconds
            # One good group makes an endpoint healthy again.
            batch.failure_count = batch.failure_count + 1 if is_slow or not is_any_delivered else 0
            # When nothing of a group was delivered, the endpoint is most likely down: the rest can wait.
            if not is_any_delivered:
                break
        return True

    async def _extend_claim(self, batch: _Batch) -> bool:
        """Extend the claim when a quarter of it is over; return whether it is still ours.

        At least three quarters of the claim are left then. That is longer than the deadline of an attempt, which is 60
        seconds at most, so every attempt of the next group ends while the claim is valid.
        """
        now = self._clock.now()
        if now < batch.extended_at + self._claim_length // 4:
            return True
        batch.extended_at = now
        return await self._engine.commit(lambda: queue.extend(batch.claim, now + self._claim_length))

    async def _send_group(self, batch: _Batch, due: list[Delivery]) -> bool:
        """Send deliveries of different instruments at the same time; return whether any was delivered."""
        # Read for every group: a secret may be replaced or revoked while a batch runs.
        secret = await self._signing_secret(batch.claim.endpoint)
        if secret is None:
            batch.obstacle = Outcome("no_secret")  # an event is never sent unsigned
        attempts = (self._attempt(batch, secret or Secret(""), delivery) for delivery in due)
        return any(await asyncio.gather(*attempts))

    async def _attempt(self, batch: _Batch, secret: Secret[str], delivery: Delivery) -> bool:
        """Make one attempt and store its result; return whether the event was delivered."""
        started = asyncio.get_running_loop().time()
        outcome = batch.obstacle or await self._post(batch.claim, batch.connection, secret, delivery)
        self._metrics.attempt(outcome.label, asyncio.get_running_loop().time() - started)
        attempt = self._result_of(delivery, outcome)
        batch.record(attempt)
        # Stored only while the claim is ours: otherwise the new owner makes this attempt, and its result counts.
        is_settled = await self._engine.commit(lambda: queue.settle(batch.claim, attempt))
        if is_settled and attempt.state is DeliveryState.DEAD:
            self._metrics.gave_up()
        return outcome.is_delivered

    async def _post(
        self, claim: EndpointClaim, connection: Connection, secret: Secret[str], delivery: Delivery
    ) -> Outcome:
        """Open the sealed body, sign it and POST it."""
        merchant_id = claim.endpoint.merchant_id
        try:
            text = await self._sealer.open_text(merchant_id, RECORD_TYPE, delivery.event_id, delivery.sealed)
        except VaultError:
            return Outcome("not_opened")
        body = text.encode()
        attempt_number = delivery.attempt_count + 1
        return await connection.send(headers.of_attempt(body, secret, attempt_number, self._clock.now()), body)

    def _result_of(self, delivery: Delivery, outcome: Outcome) -> Attempt:
        """Return the attempt as it is stored: delivered, to be repeated, or the last one."""
        now = self._clock.now()
        wait = None if outcome.is_delivered else self._schedule.wait_after(delivery.attempt_count + 1)
        if outcome.is_delivered:
            state = DeliveryState.DELIVERED
        else:
            state = DeliveryState.DEAD if wait is None else DeliveryState.PENDING
        return Attempt(
            number=delivery.number,
            attempt_count=delivery.attempt_count,
            state=state,
            due_at=now + (wait or 0),
            outcome=outcome.label,
            answered=outcome.answered,
            settled_at=None if state is DeliveryState.PENDING else now,
        )

    async def _signing_secret(self, endpoint: Endpoint) -> Secret[str] | None:
        """Return the secret that signs for an endpoint, or None when its owner has no live one."""
        own_chain = self._row_tags.own_chain
        for signing in await queue.signing_credentials(self._engine, endpoint, self._clock.now(), own_chain):
            credential, tag = signing.credential
            chain = own_chain if endpoint.partner_id else credential.owner
            if not await self._row_tags.is_genuine(of_credential(credential, chain), tag):
                continue
            if signing.link and not await self._row_tags.is_genuine(of_link(signing.link.value), signing.link.tag):
                continue
            return await self._sealer.open_credential(credential.owner, credential.credential_id, signing.sealed)
        return None
