"""A circuit opens after failures in a row; after a while one trial call decides whether it closes."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.tsp.environment import FrozenClock
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.circuit import FAILURES, OPEN_SECONDS, Circuit, State


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def circuit(clock: FrozenClock) -> Circuit:
    return Circuit("local.provision", clock)


def fail(circuit: Circuit, times: int = 1) -> None:
    for _ in range(times):
        circuit.failed(trial=circuit.admit())


def opened(circuit: Circuit) -> Circuit:
    fail(circuit, FAILURES)
    return circuit


def is_refused(circuit: Circuit) -> bool:
    try:
        circuit.admit()
    except TokenServiceUnavailableError:
        return True
    return False


def test_it_opens_after_five_failures_in_a_row(circuit: Circuit) -> None:
    fail(circuit, FAILURES - 1)
    assert circuit.state is State.CLOSED
    fail(circuit)
    assert (circuit.state, is_refused(circuit)) == (State.OPEN, True)


def test_an_answer_between_failures_starts_the_count_anew(circuit: Circuit) -> None:
    fail(circuit, FAILURES - 1)
    circuit.answered(trial=circuit.admit())
    fail(circuit, FAILURES - 1)
    assert circuit.state is State.CLOSED


def test_a_refused_call_has_a_hint_with_the_reason(circuit: Circuit) -> None:
    with pytest.raises(TokenServiceUnavailableError) as refused:
        opened(circuit).admit()
    assert refused.value.hint == "local.provision failed 5 times in a row"


def test_after_a_while_one_call_is_the_trial(circuit: Circuit, clock: FrozenClock) -> None:
    opened(circuit)
    clock.advance(OPEN_SECONDS - 0.001)
    assert is_refused(circuit)
    clock.advance(0.001)
    assert circuit.admit() is True
    assert (circuit.state, is_refused(circuit)) == (State.HALF_OPEN, True)


def test_a_successful_trial_closes_the_circuit(circuit: Circuit, clock: FrozenClock) -> None:
    opened(circuit)
    clock.advance(OPEN_SECONDS)
    circuit.answered(trial=circuit.admit())
    assert circuit.admit() is False
    fail(circuit, FAILURES - 1)
    assert circuit.state is State.CLOSED


def test_a_failed_trial_opens_the_circuit_for_as_long_again(circuit: Circuit, clock: FrozenClock) -> None:
    opened(circuit)
    clock.advance(OPEN_SECONDS)
    fail(circuit)
    clock.advance(OPEN_SECONDS - 0.001)
    assert is_refused(circuit)
    clock.advance(0.001)
    assert circuit.admit() is True


def test_after_an_abandoned_trial_the_next_call_is_the_trial(circuit: Circuit, clock: FrozenClock) -> None:
    opened(circuit)
    clock.advance(OPEN_SECONDS)
    circuit.abandoned(trial=circuit.admit())
    assert circuit.admit() is True


def test_calls_that_began_before_the_circuit_opened_change_nothing(circuit: Circuit, clock: FrozenClock) -> None:
    before = [circuit.admit() for _ in range(3)]
    opened(circuit)
    circuit.answered(trial=before[0])
    states = [circuit.state]
    clock.advance(OPEN_SECONDS)
    trial = circuit.admit()
    circuit.failed(trial=before[1])
    circuit.abandoned(trial=before[2])
    states.append(circuit.state)
    circuit.answered(trial=trial)
    assert [*states, circuit.state] == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_clock_that_is_set_back_does_not_keep_the_circuit_open(circuit: Circuit, clock: FrozenClock) -> None:
    opened(circuit)
    clock.advance(-3600)
    assert circuit.admit() is True


def test_every_change_is_reported_and_logged(
    circuit: Circuit, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reported: list[tuple[str, State]] = []
    circuit.watchers.append(lambda name, state: reported.append((name, state)))
    opened(circuit)
    clock.advance(OPEN_SECONDS)
    circuit.answered(trial=circuit.admit())
    assert reported == [("local.provision", state) for state in (State.OPEN, State.HALF_OPEN, State.CLOSED)]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "circuit is open"),
        ("INFO", "circuit is half_open"),
        ("INFO", "circuit is closed"),
    ]


@given(st.lists(st.sampled_from(["call", "answer", "fail", "leave", "wait"]), max_size=60))
def test_at_most_one_call_is_the_trial_and_the_circuit_can_always_close(acts: list[str]) -> None:
    clock = FrozenClock()
    circuit = Circuit("local.get", clock)
    under_way: list[bool] = []
    for act in acts:
        if act == "wait":
            clock.advance(OPEN_SECONDS / 2)
        elif act == "call":
            if not is_refused_or(circuit, under_way):
                assert sum(under_way) <= 1
        elif under_way:
            report = {"answer": circuit.answered, "fail": circuit.failed, "leave": circuit.abandoned}[act]
            report(trial=under_way.pop(0))
    for trial in under_way:
        circuit.abandoned(trial=trial)
    clock.advance(OPEN_SECONDS)
    circuit.answered(trial=circuit.admit())
    assert circuit.state is State.CLOSED


def is_refused_or(circuit: Circuit, under_way: list[bool]) -> bool:
    """Return whether a call is refused; record whether an admitted call is the trial."""
    try:
        under_way.append(circuit.admit())
    except TokenServiceUnavailableError:
        return True
    return False
