"""Whether a vault kept every word that its callers were given: nothing lost, nothing back, nothing done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tests.ha.records import CallRecords, Spent


class Entry(NamedTuple):
    """An entry of the audit trail, as far as it is judged."""

    action: str
    instrument_id: str
    counter: int | None = None


@dataclass(frozen=True)
class Found:
    """What the vault answers and holds after everything."""

    listed: Mapping[str, Collection[str]]
    """By customer, the saved cards that are listed."""
    entries: Counter[Entry]
    """The audit trail, each entry with how often it stands there."""
    next_counters: Mapping[str, int]
    """By token, the counter of one more cryptogram, fetched last of all."""
    refused: Mapping[str, int]
    """By saved card, the status where there should have been that cryptogram."""


def faults(records: CallRecords, found: Found) -> list[str]:
    """Give everything that is wrong, in words; every act must have been acknowledged by now."""
    return [
        *records.errors,
        *_cards(records, found),
        *_refused(found),
        *_counters(records, found),
        *_audit(records, found),
    ]


def _cards(records: CallRecords, found: Found) -> Iterator[str]:
    for customer, active in records.active.items():
        listed = set(found.listed[customer])
        for each in active - listed:
            yield f"lost: the card {each}, whose saving was acknowledged"
        for each in listed & records.deleted:
            yield f"back: the card {each}, whose deletion was acknowledged"
        for each in listed - active - records.deleted:
            yield f"twice: the card {each}, which nobody was told of"


def _refused(found: Found) -> Iterator[str]:
    for card, status in found.refused.items():
        yield f"lost: a cryptogram of the card {card}, answered {status}"


def _counters(records: CallRecords, found: Found) -> Iterator[str]:
    keys: dict[tuple[str, int], str] = {}
    highest: dict[str, int] = {}
    for spent in records.spent:
        first = keys.setdefault((spent.token, spent.counter), spent.key)
        if first != spent.key:
            yield f"twice: the counter {spent.counter} of one token, for {first} and for {spent.key}"
        highest[spent.token] = max(highest.get(spent.token, 0), spent.counter)
    for token, counter in found.next_counters.items():
        if counter <= highest.get(token, 0):
            yield f"back: a counter, from {highest[token]} to {counter}"


def _audit(records: CallRecords, found: Found) -> Iterator[str]:
    expected = Counter(
        [Entry("instrument.enrolled", each) for each in records.saved]
        + [Entry("instrument.deleted", each) for each in records.deleted]
        + [_of(spent) for spent in records.spent]
    )
    for entry, times in (expected - found.entries).items():
        yield f"lost: {times} audit entry of {_words(entry)}"
    for entry, times in (found.entries - expected).items():
        yield f"twice: {times} audit entry too many of {_words(entry)}"


def _of(spent: Spent) -> Entry:
    return Entry("cryptogram.issued", spent.instrument_id, spent.counter)


def _words(entry: Entry) -> str:
    counter = "" if entry.counter is None else f" with the counter {entry.counter}"
    return f"{entry.action}, {entry.instrument_id}{counter}"
