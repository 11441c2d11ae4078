"""The verbs of the control plane, one for each operation of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tokenvault_server import __version__
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator import magic
from tokenvault_server.emulator.captured_webhooks import CapturedWebhooks
from tokenvault_server.emulator.cards import ACTIONS, Cards
from tokenvault_server.emulator.clock_moves import ClockMoves
from tokenvault_server.emulator.connections import App
from tokenvault_server.emulator.control import bodies
from tokenvault_server.emulator.control.operations import OPERATIONS
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.faults import FaultRules
from tokenvault_server.emulator.journal import Filter, Journal, as_curl
from tokenvault_server.emulator.replay import repeat
from tokenvault_server.emulator.seeds import Seed, Seeded, Seeding
from tokenvault_server.emulator.snapshots import Snapshot, States
from tokenvault_server.emulator.webhook_actions import WebhookActions
from tokenvault_server.errors import StoreError

_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while an emulator runs."""

    base_url: str
    origin: str
    """The base URL without its path."""
    console_url: str
    merchant_id: str
    client_id: str
    seed: int | None
    credentials: Secret[Mapping[str, str]]
    """The headers that authenticate the ready-made merchant."""

    def __repr__(self) -> str:
        """Name the address only."""
        return f"Facts(base_url={self.base_url!r}, ...)"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What may be done to one emulator. Runs in its event loop."""

    facts: Facts
    app: App
    states: States
    moves: ClockMoves
    rules: FaultRules
    journal: Journal
    captured: CapturedWebhooks
    webhooks: WebhookActions
    cards: Cards
    seeding: Seeding
    endpoints: Callable[[], Awaitable[list[str]]]
    subscribe: Callable[[str], Awaitable[None]]
    unsubscribe: Callable[[str], Awaitable[None]]

    async def about(self, _: bodies.Nothing) -> bodies.About:
        facts = self.facts
        return bodies.About(
            mode="emulator",
            version=__version__,
            base_url=facts.base_url,
            console_url=facts.console_url,
            merchant_id=facts.merchant_id,
            client_id=facts.client_id,
            seed=facts.seed,
            clock=self.moves.moment(),
            operations=[f"{each.method} {each.path}: {each.summary}" for each in OPERATIONS],
        )

    async def reset(self, _: bodies.Nothing) -> bodies.Done:
        if self.states.baseline is None:
            raise ControlError.conflict("not_ready", "the emulator is still starting")
        await self.states.go_back(self.states.baseline)
        return bodies.Done()

    async def seed(self, seed: Seed) -> Seeded:
        seeded = await self.seeding.apply(seed)
        await self.moves.deliver()
        return seeded

    async def take_snapshot(self, _: bodies.Nothing) -> Snapshot:
        return self.states.pack(await self.states.take())

    async def restore_snapshot(self, snapshot: Snapshot) -> bodies.Done:
        state = self.states.unpack(snapshot)
        try:
            await self.states.go_back(state)
        except StoreError as error:
            raise ControlError.invalid("databases", error.message, ["those of a snapshot"]) from None
        return bodies.Done()

    async def read_clock(self, _: bodies.Nothing) -> bodies.ClockState:
        clock = self.moves.clock
        return bodies.ClockState(
            now=self.moves.moment(),
            unix_seconds=clock.now() / SECOND,
            frozen=clock.is_frozen,
            ahead_seconds=self.moves.ahead_seconds,
        )

    async def set_clock(self, request: bodies.SetClock) -> bodies.ClockState:
        await self.moves.set(request.at)
        return await self.read_clock(bodies.Nothing())

    async def advance_clock(self, request: bodies.AdvanceClock) -> bodies.ClockState:
        await self.moves.advance(sum(getattr(request, unit) * seconds for unit, seconds in _SECONDS.items()))
        return await self.read_clock(bodies.Nothing())

    async def freeze_clock(self, request: bodies.FreezeClock) -> bodies.ClockState:
        await self.moves.freeze(request.at)
        return await self.read_clock(bodies.Nothing())

    async def resume_clock(self, _: bodies.Nothing) -> bodies.ClockState:
        self.moves.resume()
        return await self.read_clock(bodies.Nothing())

    async def list_faults(self, _: bodies.Nothing) -> bodies.Faults:
        return bodies.Faults(self.rules.states())

    async def add_fault(self, request: bodies.AddFault) -> bodies.Faults:
        added = self.rules.add(request.rule)
        return bodies.Faults([state for state in self.rules.states() if state.rule.id == added.id])

    async def remove_fault(self, request: bodies.FaultId) -> bodies.Faults:
        self.rules.remove(request.fault_id)
        return bodies.Faults(self.rules.states())

    async def clear_faults(self, _: bodies.Nothing) -> bodies.Faults:
        self.rules.load([])
        return bodies.Faults([])

    async def find_requests(self, request: bodies.FindRequests) -> bodies.Requests:
        found = self.journal.find(request)
        return bodies.Requests(found[-request.limit :] if request.limit > 0 else [], len(found))

    async def assert_requests(self, request: bodies.AssertRequests) -> bodies.Asserted:
        count = len(self.journal.find(request))
        if wanted := _missed(count, request):
            everything = len(self.journal.find(Filter()))
            message = f"{wanted} matching calls were expected, and the journal has {count} of {everything}"
            raise ControlError.conflict("assertion_failed", message)
        return bodies.Asserted(count)

    async def show_request(self, request: bodies.RequestId) -> bodies.Requests:
        return bodies.Requests([self.journal.get(request.request_id)], 1)

    async def replay_request(self, request: bodies.RequestId) -> bodies.Replayed:
        status = await repeat(self.app, self.journal.get(request.request_id), self.facts.credentials)
        return bodies.Replayed(status, self.journal.find(Filter())[-1])

    async def curl_request(self, request: bodies.RequestId) -> bodies.Curl:
        return bodies.Curl(as_curl(self.journal.get(request.request_id), self.facts.origin))

    async def clear_requests(self, _: bodies.Nothing) -> bodies.Done:
        self.journal.clear()
        return bodies.Done()

    async def find_webhooks(self, request: bodies.FindWebhooks) -> bodies.Webhooks:
        found = self.captured.find(request)
        return bodies.Webhooks(found[-request.limit :] if request.limit > 0 else [], len(found))

    async def deliver_webhooks(self, _: bodies.Nothing) -> bodies.Delivered:
        return bodies.Delivered(await self._deliver())

    async def fire_webhook(self, request: bodies.FireWebhook) -> bodies.Delivered:
        await self.webhooks.fire(request.type, request.instrument, request.customer)
        return bodies.Delivered(await self._deliver())

    async def show_webhook(self, request: bodies.WebhookId) -> bodies.Webhook:
        return bodies.Webhook(self.captured.get(request.webhook_id))

    async def resend_webhook(self, request: bodies.WebhookId) -> bodies.Webhook:
        return bodies.Webhook(await self.webhooks.resend(request.webhook_id))

    async def clear_webhooks(self, _: bodies.Nothing) -> bodies.Done:
        self.captured.clear()
        return bodies.Done()

    async def list_endpoints(self, _: bodies.Nothing) -> bodies.Endpoints:
        return bodies.Endpoints(await self.endpoints())

    async def add_endpoint(self, request: bodies.AddEndpoint) -> bodies.Endpoints:
        await self.subscribe(request.url)
        return bodies.Endpoints(await self.endpoints())

    async def remove_endpoint(self, request: bodies.RemoveEndpoint) -> bodies.Endpoints:
        await self.unsubscribe(request.url)
        return bodies.Endpoints(await self.endpoints())

    async def list_cards(self, request: bodies.FindCards) -> bodies.Cards:
        found = await self.cards.list()
        return bodies.Cards([_card(each) for each in found if request.customer in {"", each.customer_id}])

    async def act_on_card(self, request: bodies.ActOnCard) -> bodies.Card:
        for action in ACTIONS:
            if action == request.action:
                card = await self.cards.act(action, request.instrument_id, request.last4)
                await self.moves.deliver()
                return _card(card)
        raise ControlError.invalid("action", "is not known", ACTIONS)

    async def list_magic(self, _: bodies.Nothing) -> bodies.MagicValues:
        return bodies.MagicValues(list(magic.listed()))

    async def _deliver(self) -> int:
        """Send what is due, and return how many attempts were made."""
        before = self.captured.made
        await self.moves.deliver()
        return self.captured.made - before


def _missed(count: int, request: bodies.AssertRequests) -> str:
    """Return which number was expected and is not there, or nothing."""
    if request.count is not None:
        return "" if count == request.count else f"exactly {request.count}"
    at_least = request.at_least
    if at_least is None and request.at_most is None:
        at_least = 1
    if at_least is not None and count < at_least:
        return f"at least {at_least}"
    if request.at_most is not None and count > request.at_most:
        return f"at most {request.at_most}"
    return ""


def _card(instrument: Instrument) -> bodies.Card:
    return bodies.Card(
        instrument_id=instrument.instrument_id,
        customer_id=instrument.customer_id,
        status=instrument.status.value,
        last4=instrument.last4,
        network=instrument.network,
        bank=instrument.issuer,
    )
