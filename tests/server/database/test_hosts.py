"""Of several servers the one that takes writes is used, whatever the state of the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import asyncpg
import pytest

from tokenvault_server.database.postgres.hosts import Hosts

if TYPE_CHECKING:
    from tokenvault_server.database.postgres.connections import PgConnection

URL = "postgresql://vault@one:5432,two:5433,three/tokenvault?sslmode=verify-full"
LEADS = None


class Servers:
    """Three servers: how each answers a connection, and which were asked."""

    def __init__(self, **answers: Exception | None) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.urls: list[str] = []

    async def connect(self, url: str, seconds: float) -> PgConnection:
        assert 0 < seconds <= 2
        host = urlsplit(url).hostname or ""
        self.asked.append(host)
        self.urls.append(url)
        if reason := self.answers[host]:
            raise reason
        return cast("PgConnection", host)


def connected(hosts: Hosts) -> str:
    return cast("str", asyncio.run(hosts.connect()))


STANDBY = asyncpg.TargetServerAttributeNotMatched("no")
STARTING = asyncpg.CannotConnectNowError("starting up")


@pytest.mark.parametrize(
    "away",
    [TimeoutError(), ConnectionRefusedError(), STARTING, STANDBY],
    ids=["cut off", "down", "starting", "standby"],
)
def test_the_leader_is_used_behind_servers_that_do_not_lead(away: Exception) -> None:
    servers = Servers(one=away, two=STANDBY, three=LEADS)
    assert connected(Hosts(URL, servers.connect)) == "three"


def test_the_server_that_led_last_is_asked_first() -> None:
    servers = Servers(one=STANDBY, two=LEADS, three=STANDBY)
    hosts = Hosts(URL, servers.connect)
    assert [connected(hosts), connected(hosts)] == ["two", "two"]
    assert servers.asked == ["one", "two", "two"]


def test_each_server_is_asked_with_its_port_and_all_options() -> None:
    servers = Servers(one=STANDBY, two=STANDBY, three=LEADS)
    connected(Hosts(URL, servers.connect))
    assert servers.urls == [
        "postgresql://vault@one:5432/tokenvault?sslmode=verify-full",
        "postgresql://vault@two:5433/tokenvault?sslmode=verify-full",
        "postgresql://vault@three/tokenvault?sslmode=verify-full",
    ]


def test_the_url_of_a_socket_stays_as_it_is() -> None:
    url = "postgresql:///tokenvault?host=/var/run/postgresql"
    asked: list[tuple[str, float]] = []

    async def connect(url: str, seconds: float) -> PgConnection:
        asked.append((url, seconds))
        return cast("PgConnection", url)

    connected(Hosts(url, connect))
    assert asked == [(url, 5)]


def test_a_refused_password_is_not_tried_elsewhere() -> None:
    servers = Servers(one=asyncpg.InvalidPasswordError("no"), two=LEADS, three=LEADS)
    with pytest.raises(asyncpg.InvalidPasswordError):
        connected(Hosts(URL, servers.connect))
    assert servers.asked == ["one"]


def test_without_a_leader_a_failure_is_raised_rather_than_a_standbys_refusal() -> None:
    servers = Servers(one=STANDBY, two=TimeoutError(), three=STANDBY)
    with pytest.raises(TimeoutError):
        connected(Hosts(URL, servers.connect))


def test_standbys_alone_raise_a_standbys_refusal() -> None:
    servers = Servers(one=STANDBY, two=STANDBY, three=STANDBY)
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        connected(Hosts(URL, servers.connect))
