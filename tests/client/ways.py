"""Four ways to make one call: two colours, two libraries. What holds for one has to hold for all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypedDict

from tokenvault_client import Answer, AsyncClient, Client
from tokenvault_client._base import trusted
from tokenvault_client.transports import (
    AsyncHttpx2Transport,
    AsyncPyreqwestTransport,
    Connecting,
    Httpx2Transport,
    PyreqwestTransport,
)

WAYS = ["pyreqwest", "pyreqwest async", "httpx2", "httpx2 async"]


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
    if way.endswith("async"):
        return asyncio.run(_awaited(way, connecting, caller, method, args, options))
    transport = PyreqwestTransport(connecting) if way == "pyreqwest" else Httpx2Transport(connecting)
    with Client(**caller, transport=transport) as client:
        answer: Answer[Any] = getattr(client, method)(*args, **options)
        return answer


async def _awaited(
    way: str, connecting: Connecting, caller: Who, method: str, args: tuple[Any, ...], options: dict[str, Any]
) -> Answer[Any]:
    pyreqwest = way.startswith("pyreqwest")
    transport = AsyncPyreqwestTransport(connecting) if pyreqwest else AsyncHttpx2Transport(connecting)
    async with AsyncClient(**caller, transport=transport) as client:
        answer: Answer[Any] = await getattr(client, method)(*args, **options)
        return answer
