"""The pool of idle connections, with a clock that the test moves and connections without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.client.faulty_server import response
from tokenvault_client._transports.http1.messages import ResponseReader
from tokenvault_client._transports.http1.pool import ConnectionPool
from tokenvault_client.transports import Connecting

ORIGIN = "http://vault.test"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def complete_reader() -> ResponseReader:
    """Return a reader whose response is complete and keeps the connection open."""
    reader = ResponseReader()
    reader.feed(response())
    return reader


@dataclass(eq=False)
class Connection:
    """A connection after its first exchange."""

    reader: ResponseReader = field(default_factory=complete_reader)
    idle_since: float = 0.0
    usable: bool = True
    is_closed: bool = False

    def is_usable(self) -> bool:
        return self.usable

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> ConnectionPool[Connection]:
    return ConnectionPool(Connecting(max_idle_seconds=60), clock)


def test_the_connection_that_was_used_last_is_taken_first(pool: ConnectionPool[Connection]) -> None:
    first, last = Connection(), Connection()
    pool.put_back(ORIGIN, first)
    pool.put_back(ORIGIN, last)
    assert [pool.take(ORIGIN), pool.take(ORIGIN), pool.take(ORIGIN)] == [last, first, None]


def test_origins_do_not_share_connections(pool: ConnectionPool[Connection]) -> None:
    pool.put_back(ORIGIN, Connection())
    assert pool.take("http://other.test") is None


def test_a_connection_is_taken_until_it_was_idle_for_the_maximum(
    pool: ConnectionPool[Connection], clock: Clock
) -> None:
    recent, old = Connection(), Connection()
    pool.put_back(ORIGIN, recent)
    clock.now += 59.9
    assert pool.take(ORIGIN) is recent
    pool.put_back(ORIGIN, old)
    clock.now += 60
    assert pool.take(ORIGIN) is None
    assert (recent.is_closed, old.is_closed) == (False, True)


def test_an_unusable_connection_is_closed_and_the_next_is_taken(pool: ConnectionPool[Connection]) -> None:
    usable, unusable = Connection(), Connection(usable=False)
    pool.put_back(ORIGIN, usable)
    pool.put_back(ORIGIN, unusable)
    assert pool.take(ORIGIN) is usable
    assert unusable.is_closed


def test_a_connection_whose_response_is_incomplete_is_closed(pool: ConnectionPool[Connection]) -> None:
    connection = Connection(reader=ResponseReader())
    pool.put_back(ORIGIN, connection)
    assert connection.is_closed
    assert pool.take(ORIGIN) is None


def test_connections_that_were_idle_for_too_long_are_closed_when_another_is_put_back(
    pool: ConnectionPool[Connection], clock: Clock
) -> None:
    """The connection that was used last is taken first. Without this, the others would stay open for ever."""
    old, busy = Connection(), Connection()
    pool.put_back(ORIGIN, old)
    clock.now += 60
    pool.put_back(ORIGIN, busy)
    assert (old.is_closed, busy.is_closed) == (True, False)
    assert pool.take(ORIGIN) is busy


def test_a_closed_pool_closes_idle_connections_and_those_that_come_back(pool: ConnectionPool[Connection]) -> None:
    idle, in_use = Connection(), Connection()
    pool.put_back(ORIGIN, idle)
    pool.close()
    pool.put_back(ORIGIN, in_use)
    assert (idle.is_closed, in_use.is_closed) == (True, True)
