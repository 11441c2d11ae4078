"""A vault that loses, brings back or repeats something is found out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.ha.records import CallRecords, Spent
from tests.ha.verdict import Entry, Found, faults

SPENT = Spent("key-1", "card-1", "token", 7)
ENTRIES = Counter(
    [
        Entry("instrument.enrolled", "card-1"),
        Entry("instrument.enrolled", "card-2"),
        Entry("instrument.deleted", "card-2"),
        Entry("cryptogram.issued", "card-1", 7),
    ]
)
FOUND = Found({"asha": {"card-1"}}, ENTRIES, {"token": 9}, {})


@pytest.fixture
def records() -> CallRecords:
    """Callers who saved two cards, deleted one and paid with the other."""
    records = CallRecords()
    records.save("asha", "card-1")
    records.save("asha", "card-2")
    records.delete("asha", "card-2")
    records.spend(SPENT)
    return records


def test_a_vault_that_kept_every_word_has_no_faults(records: CallRecords) -> None:
    assert faults(records, FOUND) == []


def test_a_key_that_was_answered_twice_alike_is_no_fault(records: CallRecords) -> None:
    found = replace(FOUND, next_counters={"token": 8})
    assert faults(records, found) == []


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (replace(FOUND, listed={"asha": set()}), "lost: the card card-1"),
        (replace(FOUND, listed={"asha": {"card-1", "card-2"}}), "back: the card card-2"),
        (replace(FOUND, listed={"asha": {"card-1", "card-3"}}), "twice: the card card-3"),
        (replace(FOUND, next_counters={"token": 7}), "back: a counter, from 7 to 7"),
        (replace(FOUND, refused={"card-1": 404}), "lost: a cryptogram of the card card-1"),
        (replace(FOUND, entries=ENTRIES - Counter([Entry("cryptogram.issued", "card-1", 7)])), "lost: 1 audit"),
        (replace(FOUND, entries=ENTRIES + Counter([Entry("cryptogram.issued", "card-1", 8)])), "twice: 1 audit"),
    ],
    ids=["lost", "undead", "saved twice", "counter goes back", "cannot be paid with", "unaudited", "done twice"],
)
def test_a_word_that_was_not_kept_is_found(records: CallRecords, found: Found, word: str) -> None:
    assert [fault for fault in faults(records, found) if fault.startswith(word)]


def test_a_counter_that_two_keys_were_given_is_found(records: CallRecords) -> None:
    records.spend(SPENT._replace(key="key-2"))
    assert any(fault.startswith("twice: the counter 7") for fault in faults(records, FOUND))


def test_what_callers_saw_go_wrong_is_told(records: CallRecords) -> None:
    records.record_error("404 for a card that is there")
    assert faults(records, FOUND) == ["404 for a card that is there"]
