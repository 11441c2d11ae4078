"""Closing an enrolment finds the token that was created for it; afterwards no token is created for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.server.tsp.environment import Environment, a_request
from tokenvault_server.database.queries import Query
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.provider import LifecycleAction, ProvisionRequest

DAYS = 24 * 3600
_COUNT = Query("count", "SELECT COUNT(*) FROM tokens")()


def a_request_of(enrolment_id: str, *, customer_id: str = "customer-1") -> ProvisionRequest:
    return replace(a_request(customer_id=customer_id), enrolment_id=enrolment_id)


def closed(environment: Environment, enrolment_id: str) -> str | None:
    return environment.run(environment.service.close_enrolment(enrolment_id))


def tokens(environment: Environment) -> int:
    rows = environment.run(environment.engine.read(_COUNT))
    return int(rows[0][0])


def test_a_created_token_is_found(environment: Environment) -> None:
    made = environment.provision(a_request_of("out_1")).token_reference
    assert [closed(environment, "out_1") for _ in range(2)] == [made, made]


def test_an_existing_token_was_not_created_for_a_later_enrolment(environment: Environment) -> None:
    made = environment.provision(a_request_of("out_1")).token_reference
    assert environment.provision(a_request_of("out_2")).token_reference == made
    assert (closed(environment, "out_2"), closed(environment, "out_1")) == (None, made)


def test_a_deleted_token_is_found_too(environment: Environment) -> None:
    made = environment.provision(a_request_of("out_1")).token_reference
    environment.lifecycle(made, LifecycleAction.DELETE)
    assert closed(environment, "out_1") == made
    assert environment.status(made) is TokenStatus.DELETED


def test_no_token_is_created_for_a_closed_enrolment(environment: Environment) -> None:
    assert closed(environment, "out_1") is None
    with pytest.raises(TokenServiceUnavailableError):
        environment.provision(a_request_of("out_1"))
    assert tokens(environment) == 0
    environment.provision(a_request_of("out_2"))
    assert tokens(environment) == 1


def test_of_provisioning_and_closing_at_the_same_time_one_is_first(environment: Environment) -> None:
    async def both(number: int) -> tuple[object, object]:
        request = a_request_of(f"out_{number}", customer_id=f"customer-{number}")
        acts = [environment.service.provision(request), environment.service.close_enrolment(f"out_{number}")]
        one, other = await asyncio.gather(*(acts if number % 2 else acts[::-1]), return_exceptions=True)
        return (one, other) if number % 2 else (other, one)

    for number in range(10):
        grant, reference = environment.run(both(number))
        assert isinstance(grant, TokenServiceUnavailableError) == (reference is None)


def test_a_token_can_be_created_without_an_enrolment(environment: Environment) -> None:
    for number in range(2):
        environment.provision(a_request_of("", customer_id=f"customer-{number}"))
    assert tokens(environment) == 2


@pytest.mark.parametrize(("days", "is_known"), [(89, True), (91, False)])
def test_an_enrolment_is_kept_for_three_months(environment: Environment, days: int, *, is_known: bool) -> None:
    environment.provision(a_request_of("out_1"))
    environment.clock.advance(days * DAYS)
    environment.run(environment.service.sweep())
    assert (closed(environment, "out_1") is not None) == is_known
