"""Finds, among the servers that a URL names, the one that takes writes.

asyncpg can do so too, but it gives all of them together one timeout, and goes to the next only when a host refuses. It
would never ask the leader when a host before it in the list is cut off and does not answer at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tokenvault_server.database.postgres.errors import DRIVER_ERRORS

if TYPE_CHECKING:
    from tokenvault_server.database.postgres.connections import PgConnection

Connect = Callable[[str, float], Awaitable["PgConnection"]]
"""Opens a connection to the server of a URL; the number is its timeout in seconds."""

_ONLY_HOST_SECONDS: Final = 5.0
_HOST_SECONDS: Final = 2.0
_FINAL: Final = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)


class Hosts:
    """The servers of one cluster; the one that took writes last is asked first."""

    def __init__(self, url: str, connect: Connect) -> None:
        """Use the hosts of `url`, each with its port, separated by commas."""
        self._urls = _url_for_each_host(url)
        self._connect = connect

    async def connect(self) -> PgConnection:
        """Return a connection to the first server that takes writes; raise the most telling error if none does."""
        seconds = _HOST_SECONDS if len(self._urls) > 1 else _ONLY_HOST_SECONDS
        reasons: list[Exception] = []
        for url in tuple(self._urls):
            try:
                connection = await self._connect(url, seconds)
            except _FINAL:
                raise  # the other hosts have the same accounts
            except DRIVER_ERRORS as error:
                reasons.append(error)
            else:
                self._urls.remove(url)
                self._urls.insert(0, url)
                return connection
        raise next((each for each in reasons if not _is_standby(each)), reasons[0])


def _is_standby(error: Exception) -> bool:
    """Tell whether a server is well and merely a standby; the error of another host says more."""
    return isinstance(error, asyncpg.TargetServerAttributeNotMatched)


def _url_for_each_host(url: str) -> list[str]:
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]  # unchanged: a socket's URL has no host at all
    return [urlunsplit(parts._replace(netloc=f"{account}{at}{host}")) for host in hosts.split(",")]
