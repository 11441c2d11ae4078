"""Check a vault against the records of its callers: nothing lost, nothing back, nothing done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tests.ha.records import CallRecords, Spent


class Entry(NamedTuple):
    """The checked fields of an audit entry."""

    action: str
    instrument_id: str
    counter: int | None = None


@dataclass(frozen=True)
class VaultState:
    """The state of the vault after all failures."""

    listed: Mapping[str, Collection[str]]
    """The listed cards by customer."""
    entries: Counter[Entry]
    """The number of each entry of the audit trail."""
    next_counters: Mapping[str, int]
    """By token, the counter value of one more cryptogram, fetched last."""
    refused: Mapping[str, int]
    """By saved card, the status of a call that should have returned that cryptogram."""


def faults(records: CallRecords, state: VaultState) -> list[str]:
    """Return a description of each fault; every call must have been acknowledged before."""
    return [
        *records.errors,
        *_cards(records, state),
        *_refused(state),
        *_counters(records, state),
        *_audit(records, state),
    ]


def _cards(records: CallRecords, state: VaultState) -> Iterator[str]:
    for customer, active in records.active.items():
        listed = set(state.listed[customer])
        for each in active - listed:
            yield f"lost: the card {each}, which was saved and acknowledged"
        for each in listed & records.deleted:
            yield f"back: the card {each}, whose deletion was acknowledged"
        for each in listed - active - records.deleted:
            yield f"twice: the card {each}, which no caller knows"


def _refused(state: VaultState) -> Iterator[str]:
    for card, status in state.refused.items():
        yield f"lost: a cryptogram of the card {card}, answered {status}"


def _counters(records: CallRecords, state: VaultState) -> Iterator[str]:
    keys: dict[tuple[str, int], str] = {}
    highest: dict[str, int] = {}
    for spent in records.spent:
        first = keys.setdefault((spent.token, spent.counter), spent.key)
        if first != spent.key:
            yield f"twice: the counter {spent.counter} of one token, for {first} and for {spent.key}"
        highest[spent.token] = max(highest.get(spent.token, 0), spent.counter)
    for token, counter in state.next_counters.items():
        if counter <= highest.get(token, 0):
            yield f"back: a counter, from {highest[token]} to {counter}"


def _audit(records: CallRecords, state: VaultState) -> Iterator[str]:
    expected = Counter(
        [Entry("instrument.enrolled", each) for each in records.saved]
        + [Entry("instrument.deleted", each) for each in records.deleted]
        + [_of(spent) for spent in records.spent]
    )
    for entry, times in (expected - state.entries).items():
        yield f"lost: {times} audit entry of {_described(entry)}"
    for entry, times in (state.entries - expected).items():
        yield f"twice: {times} audit entry too many of {_described(entry)}"


def _of(spent: Spent) -> Entry:
    return Entry("cryptogram.issued", spent.instrument_id, spent.counter)


def _described(entry: Entry) -> str:
    counter = "" if entry.counter is None else f" with the counter {entry.counter}"
    return f"{entry.action}, {entry.instrument_id}{counter}"
