"""Every magic value through a socket: what is listed is what happens."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead, RemoteDisconnected

import pytest

from tests.support.embedded import LIST, ask, calls, save, saved
from tests.support.emulator_process import instruments
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.embedded import Emulator
from tokenvault_server.emulator.magic import HOLDERS, STATES, STATUSES, MagicValue, can_fail, listed

VALUES = list(listed())
TYPES = {problem.status: problem.wire_type for problem in PROBLEMS.values()}
CUSTOMERS = [(value, key) for value in VALUES if value.where == "customer id" for key in value.operations]


@pytest.mark.parametrize(
    ("value", "operation"), CUSTOMERS, ids=[f"{value.value.strip('.')}{operation}" for value, operation in CUSTOMERS]
)
def test_a_customer_id_fails_the_operations_that_are_listed(
    emulator: Emulator, value: MagicValue, operation: str
) -> None:
    customer = value.value.replace("...", "asha")
    call = ("POST", instruments(customer)) if operation == "enrol_instrument" else calls(customer, "i1")[operation]
    answer = ask(emulator, *call)
    assert (answer.status, answer.json()["type"]) == (value.status, TYPES[answer.status])
    assert emulator.requests.find(status=value.status)[0].faults[0].startswith("customer:fail_")


def test_the_published_failures_are_listed_for_every_operation_where_they_can_occur() -> None:
    for operation in OPERATIONS:
        possible = {status for status in STATUSES if can_fail(operation, status)}
        assert possible >= {400, 401, 422, 429, 500}
        assert {value.status for value in VALUES if operation.key in value.operations and value.status} == possible


@pytest.mark.parametrize("status", STATUSES)
def test_a_holder_name_fails_the_saving_of_a_card(emulator: Emulator, status: int) -> None:
    assert save(emulator, holder=f"FAIL {status}").status == status


@pytest.mark.parametrize(
    "value", [value for value in VALUES if value.where == "card number"], ids=lambda each: each.value
)
def test_a_card_number_fails_the_saving_of_a_card(emulator: Emulator, value: MagicValue) -> None:
    assert save(emulator, pan=value.value).status == value.status
    assert value.value not in str(emulator.requests.find())


def test_a_holder_name_takes_the_token_service_down(emulator: Emulator) -> None:
    answer = save(emulator, holder="TSP DOWN")
    assert (answer.status, answer.json()["code"]) == (502, "tokenization_service_unavailable")


def test_a_holder_name_makes_saving_slow(emulator: Emulator) -> None:
    def took(holder: str) -> float:
        began = time.monotonic()
        assert save(emulator, f"customer of {holder}", holder=holder).status == 201
        return time.monotonic() - began

    slow = [holder for holder, (then, _) in HOLDERS.items() if "slow" in {then.tsp, then.connection}]
    assert len(slow) == 2
    with ThreadPoolExecutor() as threads:
        assert min(threads.map(took, slow)) >= 1


def test_a_holder_name_breaks_the_connection(emulator: Emulator) -> None:
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        save(emulator, holder="CONNECTION RESET")
    with pytest.raises(IncompleteRead):
        save(emulator, holder="BODY TRUNCATED")
    assert len(emulator.cards.list()) == 2


@pytest.mark.parametrize("holder", STATES)
def test_a_holder_name_decides_what_becomes_of_the_card(emulator: Emulator, holder: str) -> None:
    instrument_id = saved(emulator, holder=holder)
    calls_of = calls("asha", instrument_id)
    shown = ask(emulator, *calls_of["fetch_instrument"])
    if holder == "CARD DEACTIVATED":
        assert shown.status == 404
    else:
        assert shown.json()["instrument_status"] == "INACTIVE"
        assert ask(emulator, *calls_of["fetch_cryptogram"]).json()["code"] == "instrument_inactive"


def test_other_ids_and_names_fail_nothing(emulator: Emulator) -> None:
    for customer in ("fail", "fail_418_asha", "fail_4290_asha", "failure_429", "fail_502_list_asha", "fail_404_list_a"):
        assert ask(emulator, "GET", instruments(customer) + LIST).status == 200
    assert save(emulator, holder="FAIL 4291").status == 201


def test_the_help_of_a_400_and_a_404_names_the_magic_values(emulator: Emulator) -> None:
    for answer in (ask(emulator, "GET", instruments("asha")), ask(emulator, "GET", instruments("asha", "i1"))):
        assert "fail_429_cryptogram_asha" in answer.json()["help"]


def test_the_control_plane_lists_them(emulator: Emulator) -> None:
    assert emulator.magic_values() == VALUES
