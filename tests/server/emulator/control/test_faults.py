"""Every fault through a socket, and the decisions of its rules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest

from tests.support.embedded import LIST, ask, calls, save, saved
from tests.support.emulator_process import instruments
from tests.support.webhook_listener import Listener, listening
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.embedded import ControlError, Emulator, FaultRule, Match, Then
from tokenvault_server.emulator.faults import STATUSES, FaultRules

ACTIVE = "INSTRUMENT_ACTIVE_WEBHOOK"
CALL = ("GET", instruments("asha") + LIST)
TYPES = {problem.status: problem.wire_type for problem in PROBLEMS.values()}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_has_the_shape_and_headers_of_the_api(emulator: Emulator, status: int) -> None:
    emulator.faults.add(operation="fetch_instruments", status=status)
    answer = ask(emulator, *CALL)
    assert (answer.status, answer.json()["type"]) == (status, TYPES[status])
    assert answer.headers["x-request-id"]
    assert answer.headers["x-ratelimit-type"] == "app_id"
    assert emulator.requests.find(status=status)[0].faults == ("fault_1",)


@pytest.mark.parametrize(
    "operation", ["fetch_instruments", "fetch_instrument", "fetch_cryptogram", "delete_instrument"]
)
def test_a_rule_is_about_its_operation_only(emulator: Emulator, operation: str) -> None:
    instrument_id = saved(emulator)
    emulator.faults.add(operation=operation, status=502)
    got = {key: ask(emulator, *call).status for key, call in calls("asha", instrument_id).items()}
    assert got == {key: 502 if key == operation else 200 for key in got}


def test_a_fault_has_the_code_and_message_that_it_names(emulator: Emulator) -> None:
    emulator.faults.add(status=409, code="bank_says_no", message="not today")
    body = ask(emulator, *CALL).json()
    assert (body["code"], body["message"]) == ("bank_says_no", "not today")


def test_an_injected_429_asks_the_caller_to_wait(emulator: Emulator) -> None:
    emulator.faults.add(status=429)
    headers = ask(emulator, *CALL).headers
    assert (headers["x-ratelimit-remaining"], headers["x-ratelimit-retry"]) == ("0", "30")


def test_a_failed_call_is_not_carried_out_and_its_key_is_free(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    emulator.faults.add(operation="delete_instrument", status=500, times=1)
    call, key = calls("asha", instrument_id)["delete_instrument"], {"x-idempotency-key": "delete-1"}
    assert [ask(emulator, *call, headers=key).status for _ in range(2)] == [500, 200]


def test_a_rule_is_about_its_customer_only(emulator: Emulator) -> None:
    emulator.faults.add(customer="ravi", status=500)
    assert [ask(emulator, "GET", instruments(each) + LIST).status for each in ("asha", "ravi")] == [200, 500]


def test_a_rule_hits_the_nth_call(emulator: Emulator) -> None:
    emulator.faults.add(nth=2, status=500)
    assert [ask(emulator, *CALL).status for _ in range(3)] == [200, 500, 200]


def test_a_rule_ends_after_so_many_times(emulator: Emulator) -> None:
    emulator.faults.add(times=2, status=500)
    assert [ask(emulator, *CALL).status for _ in range(3)] == [500, 500, 200]


def test_the_same_seed_draws_the_same_faults(emulator: Emulator) -> None:
    def drawn(seed: int) -> list[int]:
        emulator.reset()
        emulator.faults.add(probability=0.5, seed=seed, status=500)
        return [ask(emulator, *CALL).status for _ in range(12)]

    first = drawn(1)
    assert set(first) == {200, 500}
    assert drawn(1) == first
    assert drawn(2) != first


def test_a_delay_is_real_time(emulator: Emulator) -> None:
    emulator.clock.freeze()
    emulator.faults.add(delay_ms=80)
    assert took(emulator) >= 0.08


def test_a_reset_ends_the_delays_of_calls_under_way(emulator: Emulator) -> None:
    import threading

    emulator.faults.add(delay_ms=60_000)
    statuses: list[int] = []
    call = threading.Thread(target=lambda: statuses.append(ask(emulator, *CALL).status))
    call.start()
    while not any(state.applied for state in emulator.faults.list()):
        pass
    emulator.reset()
    call.join(20)
    assert statuses == [200]
    assert emulator.requests.find() == []


def test_a_reset_connection_has_no_answer(emulator: Emulator) -> None:
    emulator.faults.add(operation="enrol_instrument", connection="reset")
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        save(emulator)
    assert [card.status for card in emulator.cards.list()] == ["ACTIVE"]  # it was carried out
    assert emulator.requests.find()[0].status == 201


def test_a_truncated_body_ends_too_early(emulator: Emulator) -> None:
    saved(emulator)
    emulator.faults.add(connection="truncate")
    with pytest.raises(IncompleteRead):
        ask(emulator, *CALL)


def test_a_slow_body_arrives_whole(emulator: Emulator) -> None:
    saved(emulator)
    emulator.faults.add(connection="slow", seconds=0.1)
    began = time.monotonic()
    assert len(ask(emulator, *CALL).json()) == 1
    assert time.monotonic() - began >= 0.1


def test_a_token_service_that_is_down_fails_payments_and_opens_its_circuit(emulator: Emulator) -> None:
    call = calls("asha", saved(emulator))["fetch_cryptogram"]
    rule = emulator.faults.add(operation="fetch_cryptogram", tsp="down")
    answers = [ask(emulator, *call) for _ in range(5)]
    assert {(answer.status, answer.json()["code"]) for answer in answers} == {(502, "tokenization_service_unavailable")}
    emulator.faults.remove(rule.id)
    assert ask(emulator, *call).status == 502  # the circuit is open
    emulator.clock.advance(seconds=10)
    assert ask(emulator, *call).status == 200


def test_a_reset_closes_the_circuit(emulator: Emulator) -> None:
    emulator.faults.add(tsp="down")
    assert [save(emulator).status for _ in range(6)] == [502] * 6
    emulator.reset()
    assert save(emulator).status == 201


def test_a_slow_token_service_delays_the_call(emulator: Emulator) -> None:
    call = calls("asha", saved(emulator))["fetch_cryptogram"]
    emulator.faults.add(tsp="slow", seconds=0.1)
    began = time.monotonic()
    assert ask(emulator, *call).status == 200
    assert time.monotonic() - began >= 0.1


@contextmanager
def receiving(emulator: Emulator) -> Iterator[Listener]:
    with listening() as listener:
        emulator.webhooks.add_endpoint(listener.url)
        yield listener


def test_a_dropped_webhook_counts_as_delivered_and_never_arrives(emulator: Emulator) -> None:
    emulator.faults.add(event=ACTIVE, webhook="drop")
    with receiving(emulator) as listener:
        saved(emulator)
        dropped = emulator.webhooks.wait_for(url=listener.url)
        assert [each.outcome for each in dropped] == ["dropped"]
        emulator.clock.advance(hours=2)
        assert listener.attempts.empty()


def test_a_duplicated_webhook_arrives_twice_with_one_idempotency_key(emulator: Emulator) -> None:
    emulator.faults.add(webhook="duplicate", times=2)
    with receiving(emulator) as listener:
        saved(emulator)
        emulator.webhooks.wait_for(url=listener.url, count=2)
        keys = {listener.next().headers["x-idempotency-key"] for _ in range(2)}
    assert len(keys) == 1


def test_a_late_webhook_arrives_when_the_clock_has_run(emulator: Emulator) -> None:
    emulator.faults.add(webhook="late", seconds=3600)
    with receiving(emulator) as listener:
        saved(emulator)
        emulator.webhooks.deliver()
        assert listener.attempts.empty()
        emulator.clock.advance(hours=1)
        assert listener.next().headers["x-webhook-attempt"] == "1"


def test_a_reordered_webhook_arrives_after_the_next_one(emulator: Emulator) -> None:
    with receiving(emulator) as listener:
        emulator.faults.add(customer="asha", webhook="reorder")
        saved(emulator, "asha")
        emulator.webhooks.deliver()
        saved(emulator, "ravi")
        emulator.webhooks.wait_for(url=listener.url, count=2)
        customers = [each.customer_id for each in emulator.webhooks.find(url=listener.url)]
    assert customers == ["ravi", "asha"]


def test_a_reordered_webhook_without_a_next_one_arrives_after_a_minute(emulator: Emulator) -> None:
    emulator.faults.add(webhook="reorder")
    with receiving(emulator) as listener:
        saved(emulator)
        emulator.webhooks.deliver()
        emulator.clock.advance(minutes=1)
        assert listener.next().headers["x-webhook-attempt"] == "1"


@pytest.mark.parametrize(
    ("fields", "code", "allowed"),
    [
        ({"operation": "fetch", "status": 500}, "match.operation_invalid", "fetch_cryptogram"),
        ({"event": "PAID", "webhook": "drop"}, "match.event_invalid", ACTIVE),
        ({"status": 418}, "then.status_invalid", "429"),
        ({"status": 500, "probability": 2}, "match.probability_invalid", "0 to 1"),
        ({"status": 500, "nth": 0}, "match.nth_invalid", "1 to 1000000000"),
        ({"status": 500, "times": 0}, "times_invalid", "1 to 1000000000"),
        ({"delay_ms": -1}, "then.delay_ms_invalid", "0 to 600000"),
        ({}, "then_invalid", "connection"),
        ({"code": "x"}, "then.code_invalid", "404"),
        ({"webhook": "drop", "status": 500}, "then.webhook_invalid", "customer"),
        ({"event": ACTIVE, "status": 500}, "match.event_invalid", "duplicate"),
        ({"colour": "red"}, "request_invalid", "then"),
    ],
)
def test_a_rule_that_cannot_be_carried_out_is_refused_with_what_is_allowed(
    emulator: Emulator, fields: dict[str, Any], code: str, allowed: str
) -> None:
    with pytest.raises(ControlError) as refused:
        emulator.faults.add(**fields)
    assert refused.value.code == code
    assert allowed in refused.value.allowed
    assert emulator.faults.list() == []


def test_rules_are_listed_with_their_counts_and_removed(emulator: Emulator) -> None:
    emulator.faults.add(FaultRule(Then(status=500), Match(nth=2), id="mine"))
    ask(emulator, *CALL)
    (state,) = emulator.faults.list()
    assert (state.rule.id, state.matched, state.applied) == ("mine", 1, 0)
    with pytest.raises(ControlError, match="allowed: mine"):
        emulator.faults.remove("yours")
    emulator.faults.remove("mine")
    emulator.faults.add(status=500)
    emulator.faults.clear()
    assert emulator.faults.list() == []


def test_the_effects_of_several_rules_add_up() -> None:
    rules = FaultRules(["fetch"])
    rules.add(FaultRule(Then(delay_ms=5, status=500)))
    rules.add(FaultRule(Then(delay_ms=7, status=404, connection="slow", seconds=2)))
    decision = rules.of_call("fetch", "asha")
    assert decision.then == Then(delay_ms=12, status=500, connection="slow", seconds=2)
    assert decision.rule_ids == ("fault_1", "fault_2")


def took(emulator: Emulator) -> float:
    began = time.monotonic()
    assert ask(emulator, *CALL).status == 200
    return time.monotonic() - began
