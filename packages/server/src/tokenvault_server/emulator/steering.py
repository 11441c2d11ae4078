"""Steers an emulator from Python: the same verbs for one in this process and for one behind a control URL.

`Steering` is what tests use. How a verb reaches the emulator is a function: `embedded` calls into the event loop,
`control_client` sends HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from tokenvault_server.emulator.captured_webhooks import CapturedWebhook
from tokenvault_server.emulator.control import bodies
from tokenvault_server.emulator.control import operations as table
from tokenvault_server.emulator.control.operations import ControlOperation
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.faults import FaultRule, FaultState, Match
from tokenvault_server.emulator.journal import JournalEntry
from tokenvault_server.emulator.magic import MagicValue
from tokenvault_server.emulator.seeds import Seed, Seeded
from tokenvault_server.emulator.snapshots import Snapshot

Takes = TypeVar("Takes", bound=msgspec.Struct)
Returns = TypeVar("Returns")

_POLL_SECONDS = 0.02
_MATCH = frozenset(Match.__struct_fields__)
_RULE = frozenset({"times", "seed", "id"})


class Ask(Protocol):
    """Carries out one operation of the control plane and returns its result."""

    def __call__(self, operation: ControlOperation[Takes, Returns], request: Takes) -> Returns:
        """Return the result.

        Raises:
            ControlError: the operation was refused.
        """
        ...


class ClockControl:
    """The emulator's clock."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def read(self) -> bodies.ClockState:
        """Return the time, and whether the clock stands still."""
        return self._ask(table.READ_CLOCK, bodies.Nothing())

    def now(self) -> datetime:
        """Return the emulator's time, with a time zone."""
        return datetime.fromisoformat(self.read().now)

    def set(self, at: datetime | str) -> bodies.ClockState:
        """Show a time."""
        return self._ask(table.SET_CLOCK, bodies.SetClock(at=_text(at)))

    def advance(
        self, by: timedelta | None = None, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> bodies.ClockState:
        """Move forward; return when what became due is done, webhook retries too."""
        seconds += by.total_seconds() if by else 0
        return self._ask(
            table.ADVANCE_CLOCK, bodies.AdvanceClock(seconds=seconds, minutes=minutes, hours=hours, days=days)
        )

    def freeze(self, at: datetime | str = "") -> bodies.ClockState:
        """Stand still, at a time or at the present one."""
        return self._ask(table.FREEZE_CLOCK, bodies.FreezeClock(at=_text(at)))

    def resume(self) -> bodies.ClockState:
        """Run on."""
        return self._ask(table.RESUME_CLOCK, bodies.Nothing())


class FaultControl:
    """The fault rules."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def add(self, rule: FaultRule | None = None, **fields: Any) -> FaultRule:  # noqa: ANN401  # the fields of three structs
        """Add a rule: as a value, or by the fields of `Match`, `Then` and `FaultRule`.

        For example `add(operation="fetch_cryptogram", nth=2, status=502)`.
        """
        rule = rule or rule_of(fields)
        return self._ask(table.ADD_FAULT, bodies.AddFault(rule=rule)).faults[0].rule

    def list(self) -> Sequence[FaultState]:
        """Return all rules with their counts."""
        return self._ask(table.LIST_FAULTS, bodies.Nothing()).faults

    def remove(self, rule_id: str) -> None:
        """Delete a rule."""
        self._ask(table.REMOVE_FAULT, bodies.FaultId(fault_id=rule_id))

    def clear(self) -> None:
        """Delete all rules."""
        self._ask(table.CLEAR_FAULTS, bodies.Nothing())


class RequestControl:
    """The journal of calls."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, **filter_fields: Any) -> list[JournalEntry]:  # noqa: ANN401  # the fields of Filter
        """Return the calls that match: `operation`, `customer`, `instrument`, `status`, `method`, `path`, ..."""
        return self._ask(table.FIND_REQUESTS, _struct(bodies.FindRequests, filter_fields)).requests

    def expect(self, **fields: Any) -> int:  # noqa: ANN401  # the fields of AssertRequests
        """Return how many calls match.

        Raises:
            AssertionError: not as many as `count`, `at_least` and `at_most` say; without them, none.
        """
        try:
            return self._ask(table.ASSERT_REQUESTS, _struct(bodies.AssertRequests, fields)).count
        except ControlError as error:
            if error.code != "assertion_failed":
                raise
            message = error.message
        raise AssertionError(message)

    def replay(self, request_id: str) -> bodies.Replayed:
        """Repeat a call with the emulator's own credentials."""
        return self._ask(table.REPLAY_REQUEST, bodies.RequestId(request_id=request_id))

    def curl(self, request_id: str) -> str:
        """Return a call as a command."""
        return self._ask(table.CURL_REQUEST, bodies.RequestId(request_id=request_id)).curl

    def clear(self) -> None:
        """Empty the journal."""
        self._ask(table.CLEAR_REQUESTS, bodies.Nothing())


class WebhookControl:
    """The captured webhooks."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, **filter_fields: Any) -> list[CapturedWebhook]:  # noqa: ANN401  # the fields of WebhookFilter
        """Return the attempts that match: `type`, `customer`, `instrument`, `url`, `outcome`, `attempt`."""
        return self._ask(table.FIND_WEBHOOKS, _struct(bodies.FindWebhooks, filter_fields)).webhooks

    def wait_for(self, *, timeout: float = 5, count: int = 1, **filter_fields: Any) -> list[CapturedWebhook]:  # noqa: ANN401
        """Return the attempts that match as soon as there are `count` of them.

        Raises:
            TimeoutError: there are not as many after `timeout` seconds of real time.
        """
        end = time.monotonic() + timeout
        while True:
            self.deliver()
            found = self.find(**filter_fields)
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                everything = [f"{each.type} {each.outcome}" for each in self.find()]
                raise TimeoutError(f"{len(found)} of {count} webhooks after {timeout} s; captured: {everything}")
            time.sleep(_POLL_SECONDS)

    def deliver(self) -> int:
        """Send what is due now; return how many attempts were made."""
        return self._ask(table.DELIVER_WEBHOOKS, bodies.Nothing()).attempts

    def fire(self, event_type: str, *, instrument: str = "", customer: str = "") -> int:
        """Make an event and send it."""
        request = bodies.FireWebhook(type=event_type, instrument=instrument, customer=customer)
        return self._ask(table.FIRE_WEBHOOK, request).attempts

    def resend(self, webhook_id: str) -> CapturedWebhook:
        """Send the same body again, signed anew."""
        return self._ask(table.RESEND_WEBHOOK, bodies.WebhookId(webhook_id=webhook_id)).webhook

    def clear(self) -> None:
        """Forget all captured webhooks."""
        self._ask(table.CLEAR_WEBHOOKS, bodies.Nothing())

    def endpoints(self) -> list[str]:
        """Return the URLs that get the events of the ready-made merchant."""
        return self._ask(table.LIST_ENDPOINTS, bodies.Nothing()).urls

    def add_endpoint(self, url: str) -> list[str]:
        """Send the events there, too."""
        return self._ask(table.ADD_ENDPOINT, bodies.AddEndpoint(url=url)).urls

    def remove_endpoint(self, url: str) -> list[str]:
        """Send no more events there."""
        return self._ask(table.REMOVE_ENDPOINT, bodies.RemoveEndpoint(url=url)).urls


class CardControl:
    """The saved cards, and what their issuer does to them."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def list(self, customer: str = "") -> Sequence[bodies.Card]:
        """Return the saved cards, without deleted ones."""
        return self._ask(table.LIST_CARDS, bodies.FindCards(customer=customer)).cards

    def suspend(self, instrument_id: str) -> bodies.Card:
        """Have the bank suspend a card."""
        return self._act(instrument_id, "suspend")

    def resume(self, instrument_id: str) -> bodies.Card:
        """Have the bank end its suspension."""
        return self._act(instrument_id, "resume")

    def expire(self, instrument_id: str) -> bodies.Card:
        """Have the token of a card expire now."""
        return self._act(instrument_id, "expire")

    def deactivate(self, instrument_id: str) -> bodies.Card:
        """Have the bank end the token for ever: the saved card is deleted."""
        return self._act(instrument_id, "deactivate")

    def reissue(self, instrument_id: str, last4: str = "") -> bodies.Card:
        """Have the bank replace the card by one with other last four digits; the token stays."""
        return self._act(instrument_id, "reissue", last4)

    def _act(self, instrument_id: str, action: str, last4: str = "") -> bodies.Card:
        request = bodies.ActOnCard(instrument_id=instrument_id, action=action, last4=last4)
        return self._ask(table.ACT_ON_CARD, request)


class Steering:
    """All verbs of the control plane."""

    def __init__(self, ask: Ask) -> None:
        """Steer the emulator that `ask` reaches."""
        self._ask = ask
        self.clock = ClockControl(ask)
        self.faults = FaultControl(ask)
        self.requests = RequestControl(ask)
        self.webhooks = WebhookControl(ask)
        self.cards = CardControl(ask)

    def about(self) -> bodies.About:
        """Return the emulator's addresses, clock and operations."""
        return self._ask(table.ABOUT, bodies.Nothing())

    def reset(self) -> None:
        """Go back to the state at the start, after the seed."""
        self._ask(table.RESET, bodies.Nothing())

    def seed(self, seed: Seed) -> Seeded:
        """Save the customers and cards of a seed."""
        return self._ask(table.SEED, seed)

    def snapshot(self) -> Snapshot:
        """Return the whole state. `msgspec.json.encode` makes a file of it."""
        return self._ask(table.TAKE_SNAPSHOT, bodies.Nothing())

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to the state of a snapshot."""
        self._ask(table.RESTORE_SNAPSHOT, snapshot)

    def magic_values(self) -> list[MagicValue]:
        """Return all magic values."""
        return self._ask(table.LIST_MAGIC, bodies.Nothing()).values


def rule_of(fields: dict[str, Any]) -> FaultRule:
    """Return the rule of fields of `Match`, `Then` and `FaultRule`.

    Raises:
        ControlError: a field is unknown, or of the wrong type.
    """
    match = {name: value for name, value in fields.items() if name in _MATCH}
    rule = {name: value for name, value in fields.items() if name in _RULE}
    then = {name: value for name, value in fields.items() if name not in _MATCH | _RULE}
    return _struct(FaultRule, {"match": match, "then": then, **rule})


def _struct(kind: type[Takes], fields: dict[str, Any]) -> Takes:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ControlError.invalid("request", str(error), kind.__struct_fields__) from None


def _text(at: datetime | str) -> str:
    return at.isoformat() if isinstance(at, datetime) else at
