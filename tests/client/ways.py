"""The ways to make one call: both colours of each transport that is shipped. What holds for one has to hold for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

from tokenvault_client import Answer, AsyncClient, Client
from tokenvault_client._base import trusted
from tokenvault_client.transports import (
    AsyncHttp1Transport,
    AsyncHttpx2Transport,
    AsyncPyreqwestTransport,
    AsyncTransport,
    Connecting,
    Http1Transport,
    Httpx2Transport,
    PyreqwestTransport,
    Transport,
)

THREADS: Final[Mapping[str, Callable[[Connecting], Transport]]] = {
    "http1": Http1Transport,
    "pyreqwest": PyreqwestTransport,
    "httpx2": Httpx2Transport,
}
TASKS: Final[Mapping[str, Callable[[Connecting], AsyncTransport]]] = {
    "http1 async": AsyncHttp1Transport,
    "pyreqwest async": AsyncPyreqwestTransport,
    "httpx2 async": AsyncHttpx2Transport,
}
WAYS: Final = [*THREADS, *TASKS]


class Who(TypedDict, total=False):
    """Where to, and who calls."""

    base_url: str
    client_id: str
    client_secret: str
    timeout: float
    connect_timeout: float
    max_retries: int
    ca_file: Path


def who(base_url: str) -> Who:
    """Gives somebody who calls a server that lets everybody in."""
    return Who(base_url=base_url, client_id="me", client_secret="hush")


def call(way: str, caller: Who, method: str, *args: Any, **options: Any) -> Answer[Any]:
    """Makes one call with a client of its own."""
    connecting = Connecting(caller.get("connect_timeout", 5.0), ca_pem=trusted(caller.get("ca_file")))
    if way in TASKS:
        return asyncio.run(_awaited(TASKS[way](connecting), caller, method, args, options))
    with Client(**caller, transport=THREADS[way](connecting)) as client:
        answer: Answer[Any] = getattr(client, method)(*args, **options)
        return answer


async def _awaited(
    transport: AsyncTransport, caller: Who, method: str, args: tuple[Any, ...], options: dict[str, Any]
) -> Answer[Any]:
    async with AsyncClient(**caller, transport=transport) as client:
        answer: Answer[Any] = await getattr(client, method)(*args, **options)
        return answer
