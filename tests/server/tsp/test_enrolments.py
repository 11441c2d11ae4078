"""What was made for an enrolment is found by whoever never heard the answer; after that nothing is made for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.server.tsp.world import World, a_request
from tokenvault_server.database.queries import Query
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.provider import LifecycleAction, ProvisionRequest, TokenStatus

DAYS = 24 * 3600
_COUNT = Query("count", "SELECT COUNT(*) FROM tokens")()


def a_request_of(enrolment_id: str, *, customer_id: str = "customer-1") -> ProvisionRequest:
    return replace(a_request(customer_id=customer_id), enrolment_id=enrolment_id)


def closed(world: World, enrolment_id: str) -> str | None:
    return world.run(world.service.close_enrolment(enrolment_id))


def tokens(world: World) -> int:
    references = world.run(world.engine.read(_COUNT))
    return int(references[0][0])


def test_what_was_made_is_found(world: World) -> None:
    made = world.provision(a_request_of("out_1")).token_reference
    assert [closed(world, "out_1") for _ in range(2)] == [made, made]


def test_what_stood_already_was_not_made_for_a_later_enrolment(world: World) -> None:
    made = world.provision(a_request_of("out_1")).token_reference
    assert world.provision(a_request_of("out_2")).token_reference == made
    assert (closed(world, "out_2"), closed(world, "out_1")) == (None, made)


def test_a_deleted_token_is_found_all_the_same(world: World) -> None:
    made = world.provision(a_request_of("out_1")).token_reference
    world.lifecycle(made, LifecycleAction.DELETE)
    assert closed(world, "out_1") == made
    assert world.status(made) is TokenStatus.DELETED


def test_after_an_enrolment_was_closed_nothing_is_made_for_it(world: World) -> None:
    assert closed(world, "out_1") is None
    with pytest.raises(TokenServiceUnavailableError):
        world.provision(a_request_of("out_1"))
    assert tokens(world) == 0
    world.provision(a_request_of("out_2"))
    assert tokens(world) == 1


def test_of_making_and_closing_at_once_one_is_first(world: World) -> None:
    async def both(number: int) -> tuple[object, object]:
        request = a_request_of(f"out_{number}", customer_id=f"customer-{number}")
        acts = [world.service.provision(request), world.service.close_enrolment(f"out_{number}")]
        made, found = await asyncio.gather(*(acts if number % 2 else acts[::-1]), return_exceptions=True)
        return (made, found) if number % 2 else (found, made)

    for number in range(10):
        made, found = world.run(both(number))
        assert isinstance(made, TokenServiceUnavailableError) == (found is None)


def test_without_an_enrolment_a_token_is_made_all_the_same(world: World) -> None:
    for number in range(2):
        world.provision(a_request_of("", customer_id=f"customer-{number}"))
    assert tokens(world) == 2


@pytest.mark.parametrize(("days", "is_known"), [(89, True), (91, False)])
def test_an_enrolment_is_remembered_for_three_months(world: World, days: int, *, is_known: bool) -> None:
    world.provision(a_request_of("out_1"))
    world.clock.advance(days * DAYS)
    world.run(world.service.sweep())
    assert (closed(world, "out_1") is not None) == is_known
