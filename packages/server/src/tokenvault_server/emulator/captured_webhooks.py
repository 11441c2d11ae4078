"""The attempts to send webhooks, captured where they leave the vault, and the faults that befall them there.

An emulator's merchant without an endpoint of its own gets one that nothing listens on: its events are captured, and
count as delivered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Final

import msgspec

from tokenvault_contract import headers as names
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.emulator.clock import MovableClock
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.faults import FaultRules
from tokenvault_server.webhooks.sending import Connection, Connector, Outcome

CAPTURE_URL: Final = "http://webhooks.invalid/captured"
"""A name that never exists (RFC 6761, 6.4): even without this module, nothing would be sent anywhere."""
KEPT: Final = 1_000
_REORDER_SECONDS: Final = 60.0
"""How long a reordered event waits for the next one, by the emulator's clock."""
_DELIVERED: Final = Outcome("delivered", 200)


Send = Callable[[], Awaitable[None]]


class CapturedWebhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt. `body` is the text that was signed, byte for byte."""

    id: str
    at: str
    type: str
    url: str
    attempt: int
    outcome: str
    """`delivered`, or why not; `dropped` where a fault kept it from being sent."""
    body: str
    headers: dict[str, str]
    customer_id: str = ""
    instrument_id: str = ""
    answered: int | None = None
    """The status of the receiver's answer."""
    faults: tuple[str, ...] = ()

    @property
    def event(self) -> Any:  # noqa: ANN401  # a JSON object
        """The body, parsed."""
        return msgspec.json.decode(self.body)


class WebhookFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which attempts; a field that is not set matches all of them."""

    type: str = ""
    customer: str = ""
    instrument: str = ""
    url: str = ""
    outcome: str = ""
    attempt: int | None = None

    def matches(self, each: CapturedWebhook) -> bool:
        """Return whether an attempt is one of those."""
        return (
            self.type in {"", each.type}
            and self.customer in {"", each.customer_id}
            and self.instrument in {"", each.instrument_id}
            and self.url in {"", each.url}
            and self.outcome in {"", each.outcome}
            and self.attempt in {None, each.attempt}
        )


class _Instrument(msgspec.Struct, frozen=True):
    customer_id: str = ""
    instrument_id: str = ""


class _Data(msgspec.Struct, frozen=True):
    instrument: _Instrument = _Instrument()
    customer_details: _Instrument = _Instrument()


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    data: _Data = _Data()


_EVENT: Final = msgspec.json.Decoder(_Event)


class CapturedWebhooks:
    """The attempts of one emulator."""

    def __init__(self, rules: FaultRules, clock: MovableClock, moment: Callable[[], str]) -> None:
        """Apply the webhook faults of `rules`; take the time of each attempt from `moment`."""
        self.rules = rules
        self.clock = clock
        self._moment = moment
        self._kept: deque[CapturedWebhook] = deque(maxlen=KEPT)
        self._numbers = count(1)
        self.made = 0
        """How many attempts were captured since the emulator started."""
        self.generation = 0
        """Changes when the emulator begins anew: attempts from before are no longer captured."""
        self._held: dict[str, list[asyncio.Event]] = {}
        self._later: dict[asyncio.Task[None], int] = {}
        """What is sent later, and when."""

    def connector(self, inner: Connector) -> Connector:
        """Return a connector whose attempts go through `inner` and are captured."""
        return _CapturingConnector(self, inner)

    def add(
        self, url: str, headers: Mapping[str, str], body: bytes, outcome: Outcome, faults: tuple[str, ...] = ()
    ) -> CapturedWebhook:
        """Capture an attempt."""
        event = read_event(body)
        captured = CapturedWebhook(
            id=str(next(self._numbers)),
            at=self._moment(),
            type=event.type,
            url=url,
            attempt=int(headers.get(names.WEBHOOK_ATTEMPT, "1")),
            outcome=outcome.label,
            answered=outcome.answered,
            body=body.decode(),
            headers=dict(headers),
            customer_id=event.data.instrument.customer_id or event.data.customer_details.customer_id,
            instrument_id=event.data.instrument.instrument_id,
            faults=faults,
        )
        self._kept.append(captured)
        self.made += 1
        return captured

    def find(self, which: WebhookFilter) -> list[CapturedWebhook]:
        """Return the attempts that match, oldest first."""
        return [each for each in self._kept if which.matches(each)]

    def get(self, webhook_id: str) -> CapturedWebhook:
        """Return one attempt.

        Raises:
            ControlError: it was not captured, or is no longer kept.
        """
        for each in self._kept:
            if each.id == webhook_id:
                return each
        raise ControlError.not_found("webhook_not_found", "no webhook has this id", [each.id for each in self._kept])

    def send_late(self, seconds: float, send: Send) -> None:
        """Send when the clock has run that long."""
        self._start(self.clock.now() + int(seconds * SECOND), self.clock.pause(seconds), send)

    def send_after_next(self, url: str, send: Send) -> None:
        """Send after the next event of an endpoint, or after a minute of the clock."""
        passed = asyncio.Event()
        self._held.setdefault(url, []).append(passed)
        self._start(self.clock.now() + int(_REORDER_SECONDS * SECOND), self._passed(passed), send)

    def let_go(self, url: str) -> None:
        """Send what waited for the next event of an endpoint."""
        for passed in self._held.pop(url, []):
            passed.set()

    async def finish_due(self) -> None:
        """Return when what was to be sent late, and is due by now, was sent."""
        due = [task for task, at in self._later.items() if at <= self.clock.now()]
        if due:
            await asyncio.wait(due)

    def _start(self, at: int, wait: Coroutine[Any, Any, None], send: Send) -> None:
        async def sending() -> None:
            await wait
            await send()

        task = asyncio.get_running_loop().create_task(sending())
        self._later[task] = at
        task.add_done_callback(lambda done: self._later.pop(done, None))

    async def _passed(self, passed: asyncio.Event) -> None:
        waiting = {asyncio.ensure_future(passed.wait()), asyncio.ensure_future(self.clock.pause(_REORDER_SECONDS))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    def clear(self) -> None:
        """Forget all attempts, also those that are still to be made."""
        self.generation += 1
        self._kept.clear()
        self._numbers = count(1)
        self._held.clear()
        for task in list(self._later):
            task.cancel()


def read_event(body: bytes) -> _Event:
    """Return the type and the ids of an event's body."""
    try:
        return _EVENT.decode(body)
    except msgspec.DecodeError:
        return _Event()


class _CapturingConnector(Connector):
    """A connector of connections that are captured."""

    empty_queue_pause = 0
    """A clock that stands still must not keep an event waiting."""

    def __init__(self, captured: CapturedWebhooks, inner: Connector) -> None:
        super().__init__(inner.policy, inner.resolver, deadline_seconds=inner.deadline_seconds)
        self.captured = captured
        self.inner = inner

    def connection(self, url: str) -> Connection:
        return _CapturingConnection(self, url)


class _CapturingConnection(Connection):
    """A connection whose attempts are captured, and befallen by faults."""

    def __init__(self, connector: _CapturingConnector, url: str) -> None:
        super().__init__(connector, url)
        self._inner = connector.inner.connection(url)
        self._captured = connector.captured
        self._generation = self._captured.generation
        self._address = url
        self._connector_again = connector

    async def open(self) -> Outcome | None:
        return None if self._address == CAPTURE_URL else await self._inner.open()

    async def send(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        event = read_event(body)
        customer = event.data.instrument.customer_id or event.data.customer_details.customer_id
        decision = self._captured.rules.of_webhook(event.type, customer)
        post = partial(self._post, headers, body, decision.rule_ids)
        apart = partial(self._post_apart, headers, body, decision.rule_ids)
        match decision.then.webhook:
            case "drop":
                self._keep(headers, body, Outcome("dropped"), decision.rule_ids)
                return _DELIVERED
            case "late":
                self._captured.send_late(decision.then.seconds, apart)
                return _DELIVERED
            case "reorder":
                self._captured.send_after_next(self._address, apart)
                return _DELIVERED
            case "duplicate":
                await post()
        outcome = await post()
        self._captured.let_go(self._address)
        return outcome

    def close(self) -> None:
        self._inner.close()

    async def _post(self, headers: Mapping[str, str], body: bytes, faults: tuple[str, ...]) -> Outcome:
        outcome = _DELIVERED if self._address == CAPTURE_URL else await self._inner.send(headers, body)
        self._keep(headers, body, outcome, faults)
        return outcome

    async def _post_apart(self, headers: Mapping[str, str], body: bytes, faults: tuple[str, ...]) -> None:
        """Send over a connection of its own: this one is closed when its batch ends."""
        own = _CapturingConnection(self._connector_again, self._address)
        with suppress(Exception):
            if await own.open() is None:
                await own._post(headers, body, faults)  # its own class
        own.close()

    def _keep(self, headers: Mapping[str, str], body: bytes, outcome: Outcome, faults: tuple[str, ...]) -> None:
        if self._generation == self._captured.generation:
            self._captured.add(self._address, headers, body, outcome, faults)
