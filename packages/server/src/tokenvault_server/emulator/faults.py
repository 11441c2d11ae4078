"""Fault rules: which calls and webhooks fail, and how. This module decides; it does no I/O.

A rule counts the calls that it matches. `nth` picks one of them, `probability` draws for each of them from a source of
the rule's own, `times` ends the rule. The same rules and the same calls always give the same faults.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_contract.webhook_events import EVENT_TYPES
from tokenvault_server.emulator.errors import ControlError

STATUSES: Final = tuple(problem.status for kind, problem in PROBLEMS.items() if kind is not Kind.UNAVAILABLE)
"""The statuses that a fault can have: those of the API."""
MAX_RULES: Final = 1_000
MAX_DELAY_MS: Final = 600_000


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which calls or webhooks a rule is about; a field that is not set matches all of them."""

    operation: str = ""
    """The key of an operation, such as `fetch_cryptogram`."""
    customer: str = ""
    event: str = ""
    """The type of a webhook event, such as `INSTRUMENT_ACTIVE_WEBHOOK`."""
    nth: int | None = None
    """Only the n-th of the matching calls, from 1."""
    probability: float = 1.0
    """From 0 to 1."""


class Then(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to a call or a webhook."""

    delay_ms: int = 0
    """How long the call waits before anything else, in real time."""
    status: int | None = None
    """The status of the answer; the call is not carried out."""
    code: str = ""
    """The code in the body of the answer, instead of the usual one of this status."""
    message: str = ""
    connection: Literal["", "reset", "truncate", "slow"] = ""
    """`reset` closes the connection before the answer, `truncate` in the middle of its body; `slow` takes `seconds`."""
    tsp: Literal["", "down", "slow"] = ""
    """`down` fails the calls to the token service, `slow` has each of them take `seconds`."""
    webhook: Literal["", "drop", "duplicate", "late", "reorder"] = ""
    """`late` comes `seconds` later by the emulator's clock; `reorder` comes after the next one."""
    seconds: float = 5.0
    """How long `slow` and `late` take."""


class FaultRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule. `times` limits how often it is applied; `seed` decides the draws of its probability."""

    then: Then
    match: Match = Match()
    times: int | None = None
    seed: int = 0
    id: str = ""
    """Made by the emulator where it is not given."""


class FaultState(msgspec.Struct, frozen=True):
    """A rule, and how often it matched and was applied."""

    rule: FaultRule
    matched: int
    applied: int


@dataclass(slots=True)
class _Counted:
    rule: FaultRule
    random: random.Random
    matched: int = 0
    applied: int = 0

    def applies(self) -> bool:
        """Count one matching call; return whether the rule is applied to it."""
        rule = self.rule
        if rule.times is not None and self.applied >= rule.times:
            return False
        self.matched += 1
        if rule.match.nth is not None and rule.match.nth != self.matched:
            return False
        if rule.match.probability < 1 and self.random.random() >= rule.match.probability:
            return False
        self.applied += 1
        return True


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one call or webhook, and the rules that say so."""

    then: Then = field(default_factory=Then)
    rule_ids: tuple[str, ...] = ()


class FaultRules:
    """The rules of one emulator."""

    def __init__(self, operations: Iterable[str]) -> None:
        """Know the keys of all operations."""
        self._operations = sorted(operations)
        self._rules: dict[str, _Counted] = {}
        self._number = 0

    def __bool__(self) -> bool:
        """Tell whether there is any rule."""
        return bool(self._rules)

    def add(self, rule: FaultRule) -> FaultRule:
        """Add a rule, or replace the one with its id; return it with its id.

        Raises:
            ControlError: it cannot be carried out; the error says what is allowed.
        """
        check(rule, self._operations)
        if len(self._rules) >= MAX_RULES and rule.id not in self._rules:
            raise ControlError.conflict("too_many_faults", f"there are {MAX_RULES} rules; delete some first")
        if not rule.id:
            while f"fault_{self._number}" in self._rules or not self._number:
                self._number += 1
            rule = msgspec.structs.replace(rule, id=f"fault_{self._number}")
        self._rules[rule.id] = _Counted(rule, random.Random(rule.seed))  # noqa: S311  # draws must be repeatable
        return rule

    def remove(self, rule_id: str) -> None:
        """Delete a rule.

        Raises:
            ControlError: there is no such rule.
        """
        if self._rules.pop(rule_id, None) is None:
            raise ControlError.not_found("fault_not_found", "no rule has this id", sorted(self._rules))

    def load(self, rules: Sequence[FaultRule]) -> None:
        """Replace all rules; every count begins at 0."""
        self._rules.clear()
        self._number = 0
        for rule in rules:
            self.add(rule)

    def states(self) -> list[FaultState]:
        """Return all rules with their counts, oldest first."""
        return [FaultState(each.rule, each.matched, each.applied) for each in self._rules.values()]

    def of_call(self, operation: str, customer: str) -> Decision:
        """Return what happens to a call; it counts for every rule that matches it."""
        matching = [
            each
            for each in self._rules.values()
            if not each.rule.then.webhook
            and each.rule.match.operation in {"", operation}
            and each.rule.match.customer in {"", customer}
        ]
        return _decided(matching)

    def of_webhook(self, event: str, customer: str) -> Decision:
        """Return what happens to an attempt to send an event."""
        matching = [
            each
            for each in self._rules.values()
            if each.rule.then.webhook
            and each.rule.match.event in {"", event}
            and each.rule.match.customer in {"", customer}
        ]
        return _decided(matching)


def _decided(matching: Iterable[_Counted]) -> Decision:
    applied = [each.rule for each in matching if each.applies()]
    if not applied:
        return Decision()
    return Decision(combined(rule.then for rule in applied), tuple(rule.id for rule in applied))


def combined(thens: Iterable[Then]) -> Then:
    """Return all effects as one: delays add up, and of everything else the first that is set counts."""
    result = Then()
    for then in thens:
        changes = {name: getattr(then, name) for name in _FIRST if not getattr(result, name) and getattr(then, name)}
        if (changes.keys() & _TIMED) and not any(getattr(result, name) for name in _TIMED):
            changes["seconds"] = then.seconds
        result = msgspec.structs.replace(result, delay_ms=result.delay_ms + then.delay_ms, **changes)
    return result


_TIMED: Final = frozenset({"connection", "tsp", "webhook"})
_FIRST: Final = ("status", "code", "message", "connection", "tsp", "webhook")


def check(rule: FaultRule, operations: Sequence[str]) -> None:
    """Refuse a rule that cannot be carried out.

    Raises:
        ControlError: which field is wrong, and what is allowed.
    """
    match, then = rule.match, rule.then
    if match.operation:
        _one_of("match.operation", match.operation, operations)
    if match.event:
        _one_of("match.event", match.event, sorted(EVENT_TYPES))
    if then.status is not None:
        _one_of("then.status", then.status, STATUSES)
    _within("match.probability", match.probability, 0, 1)
    _within("match.nth", 1 if match.nth is None else match.nth, 1, 10**9)
    _within("times", 1 if rule.times is None else rule.times, 1, 10**9)
    _within("then.delay_ms", then.delay_ms, 0, MAX_DELAY_MS)
    _within("then.seconds", then.seconds, 0, 86_400)
    if then == Then(seconds=then.seconds):
        raise ControlError.invalid("then", "says nothing", sorted(set(Then.__struct_fields__) - {"seconds"}))
    if (then.code or then.message) and then.status is None:
        raise ControlError.invalid("then.code", "needs a status", STATUSES)
    if then.webhook and (match.operation or then != Then(webhook=then.webhook, seconds=then.seconds)):
        raise ControlError.invalid(
            "then.webhook", "stands alone, and matches event and customer", ["event", "customer"]
        )
    if match.event and not then.webhook:
        raise ControlError.invalid("match.event", "is for webhook faults", ["drop", "duplicate", "late", "reorder"])


def _one_of(field_name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise ControlError.invalid(field_name, "is not known", allowed)


def _within(field_name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ControlError.invalid(field_name, "is out of range", [f"{low} to {high}"])
