"""Delivers notifications: at least once, in order for each instrument, and so that no endpoint keeps another waiting.

Each endpoint that has something to send is claimed by one worker for a turn. In its turn it is sent as many
notifications at once as it may have, round after round, until nothing is due, the turn is over, or a whole round
fails. What is remembered between rounds is the claim alone: a queue may be as long as it likes, it lies in the
database. Endpoints that failed or were slow the last time have half of all turns at most, however many they are, so
those that answer do not wait for those that do not. Whose last turn is longest ago is next.
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
from tokenvault_server.domain.secret import Secret
from tokenvault_server.domain.webhook import Delivery, DeliveryState, Endpoint
from tokenvault_server.errors import VaultError
from tokenvault_server.store import webhook_queue as queue
from tokenvault_server.store import webhooks as store
from tokenvault_server.store.webhook_queue import Attempt, EndpointClaim, QueuePosition
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.webhook_events import RECORD_TYPE
from tokenvault_server.webhooks import headers
from tokenvault_server.webhooks.schedule import Schedule
from tokenvault_server.webhooks.sending import Connection, Connector, Outcome

logger = logging.getLogger(__name__)

_SPARE: Final = 30 * SECOND
"""How much longer than an attempt's deadline a claim lasts: for finding the address, and for clocks that differ."""
_PAUSE: Final = SECOND // 2
"""How soon an endpoint has its next turn when there was nothing to send any more."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much goes on at once, which is also how much memory it takes."""

    concurrent_endpoints: int = 32
    """Turns at once; half of them at most for endpoints that failed the last time."""
    concurrent_attempts: int = 8
    """Notifications under way at once to one endpoint."""
    batch_seconds: float = 10
    """After this long others get their turn."""
    slow_seconds: float = 3
    """A round that takes longer counts against an endpoint like one that fails."""


class DeliveryMetrics(Protocol):
    """Who counts attempts."""

    def attempt(self, outcome: str, seconds: float) -> None:
        """Count one attempt."""
        ...

    def lag(self, failing: int, seconds: float) -> None:
        """Note how many endpoints fail, and for how long the next notification due has waited."""
        ...


@dataclass(slots=True)
class _Batch:
    """One endpoint's turn with one worker."""

    claim: EndpointClaim
    connection: Connection
    obstacle: Outcome | None
    """What keeps everything from being sent, if anything does."""
    failure_count: int
    kept_at: int
    earliest: int = 0
    failed: int = 0
    given_up: int = 0
    last: Attempt | None = None
    """The last attempt that failed."""

    def record(self, attempt: Attempt) -> None:
        """Count a failure."""
        if attempt.state is not DeliveryState.DELIVERED:
            self.failed += 1
            self.given_up += attempt.state is DeliveryState.DEAD
            self.last = attempt

    def log(self) -> None:
        """Say once for the whole turn what failed: an endpoint that is away must not fill the log."""
        if self.last is None:
            return
        logger.warning(
            "webhooks failed",
            extra={
                "merchant_id": self.claim.endpoint.merchant_id,
                "endpoint_id": self.claim.endpoint.endpoint_id,
                "count": self.failed,
                "given_up": self.given_up,
                "outcome": self.last.outcome,
                "answered": self.last.answered,
            },
        )


class Deliveries:
    """Sends what is due."""

    def __init__(
        self,
        engine: Engine,
        sealer: RecordSealer,
        connector: Connector,
        schedule: Schedule,
        clock: Clock,
        metrics: DeliveryMetrics,
        limits: DeliveryLimits,
    ) -> None:
        """Send what `engine` remembers by `poster`, and try again as `schedule` says."""
        self._engine = engine
        self._sealer = sealer
        self._connector = connector
        self._schedule = schedule
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._claim_length = int(connector.deadline_seconds * SECOND) + _SPARE
        self._batches: dict[asyncio.Task[None], bool] = {}
        self._is_closing = False

    async def start_due(self) -> int:
        """Begin a turn for each endpoint that has something to send, as far as there is room; give how many began."""
        now = self._clock.now()
        if self._is_closing or not await queue.is_due(self._engine, now):
            return 0
        failing = sum(self._batches.values())
        begun = await self._begin(self._limits.concurrent_endpoints - len(self._batches), failing=False)
        room = min(
            self._limits.concurrent_endpoints - len(self._batches),
            max(1, self._limits.concurrent_endpoints // 2) - failing,
        )
        return begun + await self._begin(room, failing=True)

    async def finish(self) -> None:
        """Return when no turn is under way."""
        while self._batches:
            await asyncio.wait(self._batches)

    async def close(self) -> None:
        """Let every turn end with the round it is in."""
        self._is_closing = True
        await self.finish()
        self._connector.close()

    async def sweep(self) -> None:
        """Drop what was told long enough ago, and tell how far behind the queue is."""
        await in_batches(self._engine, partial(store.sweep, self._clock.now()))
        failing, late = await store.how_late(self._engine, self._clock.now())
        self._metrics.lag(failing, late / SECOND)

    async def _begin(self, room: int, *, failing: bool) -> int:
        if room <= 0:
            return 0
        positions = await queue.waiting(self._engine, self._clock.now(), room, failing=failing)
        claims = [claim for claim in await asyncio.gather(*map(self._claim, positions)) if claim]
        for claim in claims:
            batch = asyncio.create_task(self._run_logged(self._send_batch(claim)))
            self._batches[batch] = failing
            batch.add_done_callback(self._batches.pop)
        return len(claims)

    async def _claim(self, position: QueuePosition) -> EndpointClaim | None:
        owner, now = secrets.token_hex(8), self._clock.now()
        return await self._engine.commit(lambda: queue.claim(position, owner, now, now + self._claim_length))

    async def _run_logged(self, batch: Coroutine[Any, Any, None]) -> None:
        """See a turn to its end; the claim of one that broke off ends by itself, and then it is tried again."""
        try:
            await batch
        except VaultError as error:
            logger.warning("will be tried again", extra={"task": "webhooks", "hint": error.hint or error.message})
        except Exception:
            logger.exception("will be tried again", extra={"task": "webhooks"})

    async def _send_batch(self, claim: EndpointClaim) -> None:
        connection = self._connector.connection(claim.endpoint.url)
        batch = _Batch(claim, connection, await connection.open(), claim.endpoint.failure_count, self._clock.now())
        try:
            if not await self._send_rounds(batch):
                return  # another worker has the endpoint: what would be noted from here on would not count
        finally:
            connection.close()
            batch.log()
        now = self._clock.now()
        await self._engine.commit(lambda: queue.release(claim, batch.failure_count, now, batch.earliest))

    async def _send_rounds(self, batch: _Batch) -> bool:
        """Send round after round; tell whether the claim was good to the end."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._limits.batch_seconds
        while not self._is_closing and clock() < end:
            if not await self._keep(batch):
                return False
            due = await queue.due(self._engine, batch.claim, self._clock.now(), self._limits.concurrent_attempts)
            if not due:
                batch.earliest = self._clock.now() + _PAUSE
                break
            begun = clock()
            arrived = await self._round(batch, due)
            is_slow = clock() - begun > self._limits.slow_seconds
            batch.failure_count = batch.failure_count + 1 if is_slow or not arrived else 0
            if not arrived:
                break
        return True

    async def _keep(self, batch: _Batch) -> bool:
        """Renew the claim when a quarter of it is over, which leaves enough for a round; tell whether it is good."""
        now = self._clock.now()
        if now < batch.kept_at + self._claim_length // 4:
            return True
        batch.kept_at = now
        return await self._engine.commit(lambda: queue.keep(batch.claim, now + self._claim_length))

    async def _round(self, batch: _Batch, due: list[Delivery]) -> bool:
        """Send notifications of different instruments at once; tell whether any arrived."""
        secret = await self._signing_secret(batch.claim.endpoint)
        if secret is None:
            batch.obstacle = Outcome("no_secret")
        sending = (self._attempt(batch, secret or Secret(""), delivery) for delivery in due)
        return any(await asyncio.gather(*sending))

    async def _attempt(self, batch: _Batch, secret: Secret[str], delivery: Delivery) -> bool:
        begun = asyncio.get_running_loop().time()
        outcome = batch.obstacle or await self._post(batch.claim, batch.connection, secret, delivery)
        self._metrics.attempt(outcome.word, asyncio.get_running_loop().time() - begun)
        attempt = self._result_of(delivery, outcome)
        batch.record(attempt)
        await self._engine.commit(lambda: queue.settle(batch.claim, attempt))
        return outcome.is_delivered

    async def _post(
        self, claim: EndpointClaim, connection: Connection, secret: Secret[str], delivery: Delivery
    ) -> Outcome:
        merchant_id = claim.endpoint.merchant_id
        try:
            text = await self._sealer.open_text(merchant_id, RECORD_TYPE, delivery.event_id, delivery.sealed)
        except VaultError:
            return Outcome("not_opened")
        body = text.encode()
        return await connection.send(
            headers.of_attempt(body, secret, delivery.attempt_count + 1, self._clock.now()), body
        )

    def _result_of(self, delivery: Delivery, outcome: Outcome) -> Attempt:
        """Decide what becomes of a delivery after an attempt."""
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
            outcome=outcome.word,
            answered=outcome.answered,
            settled_at=None if state is DeliveryState.PENDING else now,
        )

    async def _signing_secret(self, endpoint: Endpoint) -> Secret[str] | None:
        found = await queue.signing_secret(self._engine, endpoint, self._clock.now())
        owner = endpoint.partner_id or endpoint.merchant_id
        return await self._sealer.open_credential(owner, *found) if found else None
