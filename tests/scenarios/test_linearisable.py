"""What many callers were answered at once, each could have been answered alone, one after another.

`HISTORIES` says how many histories are recorded.
"""

from __future__ import annotations

import os
import random
from time import monotonic_ns
from uuid import uuid4

import pytest

from tests.scenarios.crowd import together
from tests.scenarios.ledger import counter_of
from tests.scenarios.linearisable import Customer, Done, explained, one_customer, without_waits
from tests.support.emulator_process import Emulator, enrolment, instruments
from tests.support.http_client import Answer, Connection

HISTORIES = int(os.environ.get("HISTORIES", "4"))
CALLERS = 5
CALLS = 30
KEYS = 4


class Recorder:
    """Callers who act on one customer's cards, and what each of them was answered when."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.history: list[Done] = []
        self.cards: list[str] = []

    def work(self, connection: Connection) -> Answer:
        """Act for a while; gives the last answer."""
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
        """One of those that were saved last, so that several callers meet at each."""
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
        value = message(kind, answer)
        is_replay = answer.headers["x-idempotency-replayed"] == "true"
        self.history.append(Done(began, ended, kind, card, key, answer.status, is_replay, value))
        if answer.status == 201:
            self.cards.append(str(value[0]))
        return answer


BODY = enrolment()


def message(kind: str, answer: Answer) -> tuple[str | int, ...]:
    """What an answer says that the order of calls decides."""
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
def test_a_recorded_history_can_be_told_one_call_after_another(running: Emulator, _number: int) -> None:
    recorder = Recorder(f"customer_{uuid4().hex[:12]}")
    with running.connection() as connection:
        recorder.save(connection)
    together(running, [recorder.work] * CALLERS)
    history = without_waits(recorder.history)
    assert {call.status for call in history} <= {200, 201, 404}
    assert any(call.is_replay for call in history)
    assert explained(history, Customer(), one_customer) is not None, "\n".join(map(str, sorted(history)))


SAVED = Done(0, 1, "save", status=201, value=("a",))


def test_a_delete_may_come_before_or_after_a_call_that_it_met() -> None:
    meeting = (Done(2, 5, "delete", "a"), Done(3, 4, "fetch", "a"))
    for status in (200, 404):
        seen = meeting[1]._replace(status=status)
        assert explained([SAVED, meeting[0], seen], Customer(), one_customer)


@pytest.mark.parametrize(
    "wrong",
    [
        [SAVED, Done(2, 3, "delete", "a"), Done(4, 5, "fetch", "a")],
        [SAVED, Done(2, 3, "delete", "a"), Done(4, 5, "cryptogram", "a", value=("t", 1))],
        [SAVED, Done(2, 3, "fetch", "a", status=404)],
        [SAVED, Done(2, 3, "list")],
        [SAVED, Done(2, 3, "cryptogram", "a", value=("t", 2)), Done(4, 5, "cryptogram", "a", value=("t", 1))],
        [SAVED, Done(2, 3, "cryptogram", "a", "k", value=("t", 1)), Done(4, 5, "cryptogram", "a", "k", value=("t", 2))],
        [SAVED, Done(2, 3, "cryptogram", "a", "k", is_replay=True, value=("t", 1))],
        [
            SAVED,
            Done(2, 3, "cryptogram", "a", "k", value=("t", 1)),
            Done(4, 5, "delete", "a"),
            Done(6, 7, "cryptogram", "a", "k", is_replay=True, value=("t", 1)),
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
def test_a_history_that_no_order_explains_is_found(wrong: list[Done]) -> None:
    assert explained(wrong, Customer(), one_customer) is None


def test_a_wait_for_nobody_is_found() -> None:
    wait = Done(4, 5, "cryptogram", "a", "k", status=409)
    assert without_waits([SAVED, wait, Done(3, 4, "cryptogram", "a", "k")])
    with pytest.raises(AssertionError, match="nobody"):
        without_waits([SAVED, wait, Done(2, 3, "cryptogram", "a", "k")])
