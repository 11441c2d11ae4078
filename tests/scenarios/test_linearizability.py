"""Concurrent calls get the answers of some order in which they run one after another."""

from __future__ import annotations

import random
from time import monotonic_ns
from uuid import uuid4

import pytest

from tests.scenarios.expectations import counter_of
from tests.scenarios.linearizability import Call, CustomerState, apply_call, find_order, without_conflicts
from tests.scenarios.simultaneous import call_together
from tests.support.effort import effort
from tests.support.emulator_process import Emulator, enrolment, instruments
from tests.support.http_client import Answer, Connection

HISTORIES = effort(2, 50)
CALLERS = 5
CALLS = 30
KEYS = 4


class Recorder:
    """Callers that act on one customer's cards, and their answers with times."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.history: list[Call] = []
        self.cards: list[str] = []

    def work(self, connection: Connection) -> Answer:
        """Make several calls; return the last answer."""
        acts = (self.save, self.cryptogram, self.cryptogram, self.cryptogram, self.fetch, self.list, self.delete)
        answers = [random.choice(acts)(connection) for _ in range(CALLS)]
        return answers[-1]

    def save(self, connection: Connection) -> Answer:
        return self._ask(connection, "save", "POST", key=self._key("save"))

    def list(self, connection: Connection) -> Answer:
        return self._ask(connection, "list", "GET")

    def fetch(self, connection: Connection) -> Answer:
        return self._ask(connection, "fetch", "GET", self._card())

    def cryptogram(self, connection: Connection) -> Answer:
        card = self._card()
        return self._ask(connection, "cryptogram", "GET", card, key=self._key(f"pay-{card}"))

    def delete(self, connection: Connection) -> Answer:
        card = self._card()
        return self._ask(connection, "delete", "DELETE", card, key=self._key(f"delete-{card}"))

    def _card(self) -> str:
        """Return one of the cards saved last, so that several callers use the same one."""
        return random.choice(self.cards[-3:])

    def _key(self, purpose: str) -> str:
        number = random.randrange(2 * KEYS)
        return f"{self.customer}-{purpose}-{number}" if number < KEYS else ""

    def _ask(self, connection: Connection, kind: str, method: str, card: str = "", key: str = "") -> Answer:
        target = instruments(self.customer, card or None)
        target += {"list": "?instrument_type=card", "cryptogram": "/cryptogram"}.get(kind, "")
        body = BODY if kind == "save" else None
        began = monotonic_ns()
        answer = connection.ask(method, target, body, {"x-idempotency-key": key} if key else {})
        ended = monotonic_ns()
        value = ordered_value(kind, answer)
        is_replay = answer.headers["x-idempotency-replayed"] == "true"
        self.history.append(Call(began, ended, kind, card, key, answer.status, is_replay, value))
        if answer.status == 201:
            self.cards.append(str(value[0]))
        return answer


BODY = enrolment()


def ordered_value(kind: str, answer: Answer) -> tuple[str | int, ...]:
    """Return the part of an answer that depends on the order of calls."""
    body = answer.json()
    match kind, answer.status:
        case "list", 200:
            return tuple(sorted(card["instrument_id"] for card in body))
        case "save", 201:
            return (body["instrument_id"],)
        case "cryptogram", 200:
            return body["card_number"], counter_of(body["cryptogram"])
        case _:
            return ()


@pytest.mark.parametrize("_number", range(HISTORIES))
def test_a_recorded_history_has_a_sequential_order(running: Emulator, _number: int) -> None:
    recorder = Recorder(f"customer_{uuid4().hex[:12]}")
    with running.connection() as connection:
        recorder.save(connection)
    call_together(running, [recorder.work] * CALLERS)
    history = without_conflicts(recorder.history)
    assert {call.status for call in history} <= {200, 201, 404}
    assert any(call.is_replay for call in history)
    assert find_order(history, CustomerState(), apply_call) is not None, "\n".join(map(str, sorted(history)))


SAVED = Call(0, 1, "save", status=201, value=("a",))


def test_a_delete_may_come_before_or_after_an_overlapping_call() -> None:
    meeting = (Call(2, 5, "delete", "a"), Call(3, 4, "fetch", "a"))
    for status in (200, 404):
        seen = meeting[1]._replace(status=status)
        assert find_order([SAVED, meeting[0], seen], CustomerState(), apply_call)


@pytest.mark.parametrize(
    "wrong",
    [
        [SAVED, Call(2, 3, "delete", "a"), Call(4, 5, "fetch", "a")],
        [SAVED, Call(2, 3, "delete", "a"), Call(4, 5, "cryptogram", "a", value=("t", 1))],
        [SAVED, Call(2, 3, "fetch", "a", status=404)],
        [SAVED, Call(2, 3, "list")],
        [
            SAVED,
            Call(2, 3, "cryptogram", "a", value=("t", 2)),
            Call(4, 5, "cryptogram", "a", value=("t", 1)),
        ],
        [
            SAVED,
            Call(2, 3, "cryptogram", "a", "k", value=("t", 1)),
            Call(4, 5, "cryptogram", "a", "k", value=("t", 2)),
        ],
        [SAVED, Call(2, 3, "cryptogram", "a", "k", is_replay=True, value=("t", 1))],
        [
            SAVED,
            Call(2, 3, "cryptogram", "a", "k", value=("t", 1)),
            Call(4, 5, "delete", "a"),
            Call(6, 7, "cryptogram", "a", "k", is_replay=True, value=("t", 1)),
        ],
    ],
    ids=[
        "fetched after its delete",
        "paid with after its delete",
        "lost",
        "not listed",
        "counter goes back",
        "acted twice under a key",
        "replay of nothing",
        "replay outlives the card",
    ],
)
def test_a_history_without_a_sequential_order_is_found(wrong: list[Call]) -> None:
    assert find_order(wrong, CustomerState(), apply_call) is None


def test_a_conflict_without_a_concurrent_call_is_found() -> None:
    wait = Call(4, 5, "cryptogram", "a", "k", status=409)
    assert without_conflicts([SAVED, wait, Call(3, 4, "cryptogram", "a", "k")])
    with pytest.raises(AssertionError, match="no call"):
        without_conflicts([SAVED, wait, Call(2, 3, "cryptogram", "a", "k")])
