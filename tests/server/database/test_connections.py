"""A few connections for many: given out, waited for, replaced; and a server that is away is left in peace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from tokenvault_server.database.postgres.connections import Backoff, Connections
from tokenvault_server.errors import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from tokenvault_server.database.postgres.connections import PgConnection

AWAY = StoreUnavailableError("away")
SOON = 0.05


class Line:
    """A connection as far as they are kept: open or closed, in a transaction or not."""

    def __init__(self) -> None:
        self.closed = False
        self.in_transaction = False

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return self.in_transaction

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True


class Server:
    """Opens lines, unless it is away."""

    def __init__(self) -> None:
        self.opened: list[Line] = []
        self.is_away = False
        self.asked = 0
        self.was_asked_thrice = asyncio.Event()

    async def connect(self) -> PgConnection:
        self.asked += 1
        if self.asked == 3:
            self.was_asked_thrice.set()
        await asyncio.sleep(0)
        if self.is_away:
            raise AWAY
        self.opened.append(Line())
        return cast("PgConnection", self.opened[-1])


class Clock:
    """Seconds that pass when a test moves them."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def server() -> Server:
    return Server()


async def test_the_connection_that_was_used_last_is_lent_first(server: Server) -> None:
    connections = Connections(server.connect, 4, SOON)
    first, second = await connections.take(), await connections.take()
    connections.give_back(second)
    connections.give_back(first)
    assert await connections.take() is first
    assert len(server.opened) == 2


async def test_a_caller_that_finds_none_left_waits_for_the_next_that_comes_back(server: Server) -> None:
    connections = Connections(server.connect, 1, SOON)
    taken = await connections.take()
    waiting = [asyncio.ensure_future(connections.take()) for _ in range(2)]
    await asyncio.sleep(0)
    connections.give_back(taken)
    assert await waiting[0] is taken
    connections.give_back(taken)
    assert await waiting[1] is taken


async def test_a_caller_that_waits_too_long_fails_and_the_next_is_served(server: Server) -> None:
    connections = Connections(server.connect, 1, 0)
    taken = await connections.take()
    with pytest.raises(StoreUnavailableError, match="all 1 connections"):
        await connections.take()
    connections.give_back(taken)
    assert await connections.take() is taken


@pytest.mark.parametrize("fault", ["closed", "in_transaction"])
async def test_a_connection_that_came_back_useless_makes_room_for_another(server: Server, fault: str) -> None:
    connections = Connections(server.connect, 1, SOON)
    taken = await connections.take()
    waiting = asyncio.ensure_future(connections.take())
    await asyncio.sleep(0)
    setattr(server.opened[0], fault, True)
    connections.give_back(taken)
    assert await waiting is not taken
    assert server.opened[0].closed


async def test_a_connection_that_closed_while_it_was_idle_is_replaced(server: Server) -> None:
    connections = Connections(server.connect, 1, SOON)
    connections.give_back(await connections.take())
    server.opened[0].closed = True
    await connections.take()
    assert [line.closed for line in server.opened] == [True, False]


async def test_a_caller_cancelled_while_a_connection_comes_hands_it_over(server: Server) -> None:
    connections = Connections(server.connect, 1, SOON)
    taken = await connections.take()
    cancelled, patient = (asyncio.ensure_future(connections.take()) for _ in range(2))
    await asyncio.sleep(0)
    connections.give_back(taken)
    cancelled.cancel()
    assert await patient is taken
    assert cancelled.cancelled()


async def test_a_caller_that_fails_to_connect_lets_another_one_try(server: Server) -> None:
    connections = Connections(server.connect, 1, SOON)
    server.is_away = True
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            await connections.take()
    assert server.asked == 1, "the pause after a failure is kept by everybody"


async def test_after_it_was_reached_once_a_short_absence_is_waited_out(server: Server) -> None:
    connections = Connections(server.connect, 2, 10)
    await connections.take()
    server.is_away = True
    waiting = asyncio.ensure_future(connections.take())
    await server.was_asked_thrice.wait()
    server.is_away = False
    assert await waiting is not None


async def test_idle_ones_are_dropped_when_they_lead_to_the_wrong_server(server: Server) -> None:
    connections = Connections(server.connect, 2, SOON)
    used, idle = await connections.take(), await connections.take()
    connections.give_back(idle)
    connections.drop_idle()
    assert [line.closed for line in server.opened] == [False, True]
    assert await connections.take() not in (used, idle)


async def test_after_closing_no_connection_is_lent_and_those_in_use_are_closed_on_return(server: Server) -> None:
    connections = Connections(server.connect, 2, SOON)
    used, idle = await connections.take(), await connections.take()
    connections.give_back(idle)
    await connections.close()
    connections.give_back(used)
    assert [line.closed for line in server.opened] == [True, True]
    with pytest.raises(StoreError, match="closed"):
        await connections.take()


async def test_pauses_double_up_to_a_second() -> None:
    clock = Clock()
    backoff = Backoff(clock, patience=0)
    pauses = []
    for _ in range(9):
        backoff.failed(AWAY)
        began = clock.at
        while await is_refused(backoff):
            clock.at += 0.01
        pauses.append(round(clock.at - began, 2))
    assert pauses[:3] == [0.02, 0.04, 0.08]
    assert max(pauses) == pauses[-1] == pytest.approx(1, abs=0.02)


async def test_one_success_ends_the_pauses() -> None:
    backoff = Backoff(Clock(), patience=0)
    backoff.failed(AWAY)
    assert await is_refused(backoff)
    backoff.succeeded()
    assert not await is_refused(backoff)


async def is_refused(backoff: Backoff) -> bool:
    try:
        await backoff.pause()
    except StoreUnavailableError:
        return True
    return False
