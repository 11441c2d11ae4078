"""Many concurrent callers with one key, over HTTP: one call acts, the others get its answer."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from tests.scenarios.expectations import counter_of
from tests.scenarios.simultaneous import Send, call_together
from tests.support.effort import effort
from tests.support.emulator_process import CREATED, STOP_SECONDS, Emulator, emulator, enrolment, instruments, started
from tests.support.http_client import Answer, Connection, Json

CALLERS = effort(40, 100)


@pytest.fixture
def customer() -> str:
    return f"customer_{uuid4().hex[:12]}"


def asking(method: str, target: str, key: str, body: Json | None = None) -> Send:
    def act(connection: Connection) -> Answer:
        return connection.ask(method, target, body, {"x-idempotency-key": key})

    return act


def one_acted(running: Emulator, act: Send, status: int) -> Answer:
    """Send one request from many callers; check that one acted and the others, and a repeat, got its exact answer."""
    answers = call_together(running, [act] * CALLERS)
    outcomes = Counter((answer.status, replayed(answer)) for answer in answers)
    assert outcomes[status, False] == 1, outcomes
    assert set(outcomes) <= {(status, False), (status, True), (409, False)}, outcomes
    waiting = {answer.json()["code"] for answer in answers if answer.status == 409}
    assert waiting <= {"request_in_progress"}
    with running.connection() as connection:
        again = act(connection)
    assert replayed(again)
    assert {answer.body for answer in answers if answer.status == status} == {again.body}
    return again


def replayed(answer: Answer) -> bool:
    return answer.headers["x-idempotency-replayed"] == "true"


def listed(running: Emulator, customer: str) -> list[Json]:
    status, cards = running.ask("GET", instruments(customer) + "?instrument_type=card")
    assert status == 200, cards
    return list(cards)


def test_many_callers_that_save_under_one_key_save_one_card(running: Emulator, customer: str) -> None:
    saved = one_acted(running, asking("POST", instruments(customer), f"save-{customer}", enrolment()), CREATED)
    assert listed(running, customer) == [saved.json()]


def test_many_callers_under_one_key_get_one_cryptogram(running: Emulator, customer: str) -> None:
    target = instruments(customer, running.save(customer)["instrument_id"]) + "/cryptogram"
    first = one_acted(running, asking("GET", target, f"pay-{customer}"), 200).json()
    _, second = running.ask("GET", target)
    assert counter_of(second["cryptogram"]) == counter_of(first["cryptogram"]) + 1


def test_many_callers_that_delete_under_one_key_delete_once(running: Emulator, customer: str) -> None:
    path = instruments(customer, running.save(customer)["instrument_id"])
    deleted = one_acted(running, asking("DELETE", path, f"delete-{customer}"), 200).json()
    assert deleted["instrument_status"] == "INACTIVE"
    assert listed(running, customer) == []


def test_callers_with_different_keys_all_act(running: Emulator, customer: str) -> None:
    acts = [asking("POST", instruments(customer), f"{customer}-{number}", enrolment()) for number in range(CALLERS)]
    assert {answer.status for answer in call_together(running, acts)} == {CREATED}
    assert len(listed(running, customer)) == CALLERS


def test_two_different_calls_that_race_for_one_key_are_distinguished(running: Emulator, customer: str) -> None:
    path = instruments(customer, running.save(customer)["instrument_id"])
    acts = [asking("DELETE", path, customer), asking("GET", path + "/cryptogram", customer)] * (CALLERS // 2)
    answers = call_together(running, acts)
    of_one_kind = [{answer.status for answer in answers[start::2]} for start in (0, 1)]
    assert {422} in of_one_kind
    assert 200 in of_one_kind[0] | of_one_kind[1]


def test_a_stored_answer_outlives_its_process(tmp_path: Path) -> None:
    act = asking("POST", instruments("first"), "k", enrolment())
    with started("--data", str(tmp_path)) as (running, process):
        with running.connection() as connection:
            first = act(connection)
        process.send_signal(signal.SIGKILL)
        process.wait(STOP_SECONDS)
    with emulator("--data", str(tmp_path)) as running:
        with running.connection() as connection:
            again = act(connection)
        assert (again.status, again.body, replayed(again)) == (CREATED, first.body, True)
        assert len(listed(running, "first")) == 1
