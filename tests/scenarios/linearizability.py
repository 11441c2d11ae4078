"""Check whether a history of concurrent calls has a sequential order that gives the same answers.

A history is linearizable (Herlihy and Wing, 1990) if each call has a moment between its beginning and its end such
that, in the order of these moments, every answer is that of a sequential program. The search is Wing and Gong's (1993):
it tries as the next call each call that began before any other ended. It remembers which sets of calls it has tried
from which state (Lowe, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Call(NamedTuple):
    """A call and its answer, with the times at which it began and ended."""

    began: int
    ended: int
    kind: str
    card: str = ""
    key: str = ""
    status: int = 200
    is_replay: bool = False
    value: tuple[Hashable, ...] = ()
    """From the answer: the listed ids, the saved id, or a token and its counter value."""


class StoredReply(NamedTuple):
    """The stored answer of an idempotency key."""

    status: int
    value: tuple[Hashable, ...]
    card: str


class CustomerState(NamedTuple):
    """The state that calls about one customer depend on."""

    active: frozenset[str] = frozenset()
    counters: frozenset[tuple[str, int]] = frozenset()
    """The last counter value of each token."""
    keys: frozenset[tuple[str, StoredReply]] = frozenset()


GONE = StoredReply(404, (), "")


def find_order(history: Sequence[Call], first: S, step: Callable[[S, Call], S | None]) -> list[Call] | None:
    """Return a sequential order of the calls that explains their answers, or None."""
    everything = (1 << len(history)) - 1
    tried: set[tuple[int, S]] = set()
    ways: list[tuple[int, S, tuple[int, ...]]] = [(everything, first, ())]
    while ways:
        left, state, order = ways.pop()
        if not left:
            return [history[index] for index in order]
        for index in _possible_next(history, left):
            then = step(state, history[index])
            reached = left & ~(1 << index)
            if then is not None and (reached, then) not in tried:
                tried.add((reached, then))
                ways.append((reached, then, (*order, index)))
    return None


def _possible_next(history: Sequence[Call], left: int) -> list[int]:
    """Return the calls that may be next: no other call had ended when they began."""
    indexes = [index for index in range(len(history)) if left >> index & 1]
    first_end = min(history[index].ended for index in indexes)
    return [index for index in indexes if history[index].began <= first_end]


def apply_call(state: CustomerState, call: Call) -> CustomerState | None:
    """Return the state after a call, or None if its answer is impossible."""
    stored = dict(state.keys).get(call.key) if call.key else None
    if stored is not None:
        as_stored = (call.status, call.value, call.is_replay) == (stored.status, stored.value, stored is not GONE)
        return state if as_stored else None
    after = None if call.is_replay else _act(state, call)
    if after is None or not call.key:
        return after
    about = call.card if call.kind == "cryptogram" else str(call.value[0]) if call.kind == "save" else ""
    return after._replace(keys=after.keys | {(call.key, StoredReply(call.status, call.value, about))})


def _act(state: CustomerState, call: Call) -> CustomerState | None:
    is_active = call.card in state.active
    match call.kind, call.status:
        case "save", 201:
            return state._replace(active=state.active | {str(call.value[0])})
        case "cryptogram", 200:
            return _issue(state, call) if is_active else None
        case "delete", 200:
            return _delete(state, call.card) if is_active else state
        case "list", 200:
            is_true = frozenset(map(str, call.value)) == state.active
        case "fetch" | "cryptogram", 200 | 404:
            is_true = is_active == (call.status == 200)
        case _:
            is_true = False
    return state if is_true else None


def _issue(state: CustomerState, call: Call) -> CustomerState | None:
    token, counter = str(call.value[0]), call.value[1]
    assert isinstance(counter, int)
    counters = dict(state.counters)
    if counter <= counters.get(token, 0):
        return None
    return state._replace(counters=frozenset({**counters, token: counter}.items()))


def _delete(state: CustomerState, card: str) -> CustomerState:
    """Delete a card and the stored answers about it."""
    keys = ((key, GONE if stored.card == card else stored) for key, stored in state.keys)
    return state._replace(active=state.active - {card}, keys=frozenset(keys))


def without_conflicts(history: Iterable[Call]) -> list[Call]:
    """Drop the answers "in progress"; each must overlap another call with its key."""
    calls = list(history)
    for conflict in calls:
        if conflict.status == 409:
            others = [call for call in calls if call is not conflict and call.key == conflict.key]
            assert any(_overlap(call, conflict) for call in others), f"no call was under way: {conflict}"
    return [call for call in calls if call.status != 409]


def _overlap(one: Call, other: Call) -> bool:
    return one.began <= other.ended and other.began <= one.ended
