"""Whether a history of calls can be explained by carrying them out one after another.

A history is linearisable (Herlihy and Wing, 1990) when each call can be given one moment between its beginning and
its end so that, in the order of those moments, every answer is the one that a program without any concurrency gives.
The search is that of Wing and Gong (1993): try as the next call each one that began before any of the others ended,
remembering which sets of calls have been tried from which state (Lowe, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Done(NamedTuple):
    """A call and its answer, with the moments between which it took place."""

    began: int
    ended: int
    kind: str
    card: str = ""
    key: str = ""
    status: int = 200
    is_replay: bool = False
    value: tuple[Hashable, ...] = ()
    """What was answered: ids that were listed, the id that was saved, a token and its counter."""


class Stored(NamedTuple):
    """What a key answers."""

    status: int
    value: tuple[Hashable, ...]
    card: str


class Customer(NamedTuple):
    """All that calls about one customer depend on."""

    alive: frozenset[str] = frozenset()
    counters: frozenset[tuple[str, int]] = frozenset()
    """The last counter of each token."""
    keys: frozenset[tuple[str, Stored]] = frozenset()


GONE = Stored(404, (), "")


def explained(history: Sequence[Done], first: S, step: Callable[[S, Done], S | None]) -> list[Done] | None:
    """Give an order in which the calls make sense, or None when there is none."""
    everything = (1 << len(history)) - 1
    tried: set[tuple[int, S]] = set()
    ways: list[tuple[int, S, tuple[int, ...]]] = [(everything, first, ())]
    while ways:
        left, state, order = ways.pop()
        if not left:
            return [history[index] for index in order]
        for index in _next_ones(history, left):
            then = step(state, history[index])
            reached = left & ~(1 << index)
            if then is not None and (reached, then) not in tried:
                tried.add((reached, then))
                ways.append((reached, then, (*order, index)))
    return None


def _next_ones(history: Sequence[Done], left: int) -> list[int]:
    """Give the calls that may come next: none of the others had ended when they began."""
    indexes = [index for index in range(len(history)) if left >> index & 1]
    first_end = min(history[index].ended for index in indexes)
    return [index for index in indexes if history[index].began <= first_end]


def one_customer(state: Customer, call: Done) -> Customer | None:
    """Carry out one call on what is known of a customer; None when it could not have been answered so."""
    stored = dict(state.keys).get(call.key) if call.key else None
    if stored is not None:
        as_stored = (call.status, call.value, call.is_replay) == (stored.status, stored.value, stored is not GONE)
        return state if as_stored else None
    after = None if call.is_replay else _act(state, call)
    if after is None or not call.key:
        return after
    about = call.card if call.kind == "cryptogram" else str(call.value[0]) if call.kind == "save" else ""
    return after._replace(keys=after.keys | {(call.key, Stored(call.status, call.value, about))})


def _act(state: Customer, call: Done) -> Customer | None:
    is_alive = call.card in state.alive
    match call.kind, call.status:
        case "save", 201:
            return state._replace(alive=state.alive | {str(call.value[0])})
        case "cryptogram", 200:
            return _spend(state, call) if is_alive else None
        case "delete", 200:
            return _bury(state, call.card) if is_alive else state
        case "list", 200:
            is_true = frozenset(map(str, call.value)) == state.alive
        case "fetch" | "cryptogram", 200 | 404:
            is_true = is_alive == (call.status == 200)
        case _:
            is_true = False
    return state if is_true else None


def _spend(state: Customer, call: Done) -> Customer | None:
    token, counter = str(call.value[0]), call.value[1]
    assert isinstance(counter, int)
    counters = dict(state.counters)
    if counter <= counters.get(token, 0):
        return None
    return state._replace(counters=frozenset({**counters, token: counter}.items()))


def _bury(state: Customer, card: str) -> Customer:
    """Take a card away, and with it what was stored about it."""
    keys = ((key, GONE if stored.card == card else stored) for key, stored in state.keys)
    return state._replace(alive=state.alive - {card}, keys=frozenset(keys))


def without_waits(history: Iterable[Done]) -> list[Done]:
    """Leave out the answers "in progress", each of which must have met another call with its key."""
    calls = list(history)
    for wait in calls:
        if wait.status == 409:
            met = [call for call in calls if call is not wait and call.key == wait.key and _overlap(call, wait)]
            assert met, f"nobody was under way: {wait}"
    return [call for call in calls if call.status != 409]


def _overlap(one: Done, other: Done) -> bool:
    return one.began <= other.ended and other.began <= one.ended
