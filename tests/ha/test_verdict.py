"""The checks find a vault that loses, brings back or repeats something."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.ha.records import CallRecords, Spent
from tests.ha.verdict import Entry, VaultState, faults

SPENT = Spent("key-1", "card-1", "token", 7)
ENTRIES = Counter(
    [
        Entry("instrument.enrolled", "card-1"),
        Entry("instrument.enrolled", "card-2"),
        Entry("instrument.deleted", "card-2"),
        Entry("cryptogram.issued", "card-1", 7),
    ]
)
STATE = VaultState({"asha": {"card-1"}}, ENTRIES, {"token": 9}, {})


@pytest.fixture
def records() -> CallRecords:
    """Return the records of callers that saved two cards, deleted one and paid with the other."""
    records = CallRecords()
    records.save("asha", "card-1")
    records.save("asha", "card-2")
    records.delete("asha", "card-2")
    records.spend(SPENT)
    return records


def test_a_correct_vault_has_no_faults(records: CallRecords) -> None:
    assert faults(records, STATE) == []


def test_the_same_answer_for_a_repeated_key_is_no_fault(records: CallRecords) -> None:
    state = replace(STATE, next_counters={"token": 8})
    assert faults(records, state) == []


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (replace(STATE, listed={"asha": set()}), "lost: the card card-1"),
        (replace(STATE, listed={"asha": {"card-1", "card-2"}}), "back: the card card-2"),
        (replace(STATE, listed={"asha": {"card-1", "card-3"}}), "twice: the card card-3"),
        (replace(STATE, next_counters={"token": 7}), "back: a counter, from 7 to 7"),
        (replace(STATE, refused={"card-1": 404}), "lost: a cryptogram of the card card-1"),
        (replace(STATE, entries=ENTRIES - Counter([Entry("cryptogram.issued", "card-1", 7)])), "lost: 1 audit"),
        (replace(STATE, entries=ENTRIES + Counter([Entry("cryptogram.issued", "card-1", 8)])), "twice: 1 audit"),
    ],
    ids=["lost", "back", "saved twice", "counter goes back", "cannot be paid with", "unaudited", "done twice"],
)
def test_a_fault_is_found(records: CallRecords, state: VaultState, fault: str) -> None:
    assert [each for each in faults(records, state) if each.startswith(fault)]


def test_a_counter_value_of_two_keys_is_found(records: CallRecords) -> None:
    records.spend(SPENT._replace(key="key-2"))
    assert any(fault.startswith("twice: the counter 7") for fault in faults(records, STATE))


def test_errors_of_callers_are_reported(records: CallRecords) -> None:
    records.record_error("404 for a card that is there")
    assert faults(records, STATE) == ["404 for a card that is there"]
