"""The transports of the client, synchronous and asynchronous. Most tests run with every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

from tokenvault_client import Answer, AsyncClient, Client
from tokenvault_client._base import read_ca_file
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

SYNC_TRANSPORTS: Final[Mapping[str, Callable[[Connecting], Transport]]] = {
    "http1": Http1Transport,
    "pyreqwest": PyreqwestTransport,
    "httpx2": Httpx2Transport,
}
ASYNC_TRANSPORTS: Final[Mapping[str, Callable[[Connecting], AsyncTransport]]] = {
    "http1 async": AsyncHttp1Transport,
    "pyreqwest async": AsyncPyreqwestTransport,
    "httpx2 async": AsyncHttpx2Transport,
}
TRANSPORTS: Final = [*SYNC_TRANSPORTS, *ASYNC_TRANSPORTS]


class ClientOptions(TypedDict, total=False):
    """The arguments of a client."""

    base_url: str
    client_id: str
    client_secret: str
    timeout: float
    connect_timeout: float
    max_retries: int
    ca_file: Path


def client_options(base_url: str) -> ClientOptions:
    """Return the arguments of a client for a server that accepts any credentials."""
    return ClientOptions(base_url=base_url, client_id="me", client_secret="hush")


def call(transport: str, options: ClientOptions, method: str, *args: Any, **named: Any) -> Answer[Any]:
    """Make one call with its own client."""
    connecting = Connecting(options.get("connect_timeout", 5.0), ca_pem=read_ca_file(options.get("ca_file")))
    if transport in ASYNC_TRANSPORTS:
        return asyncio.run(_call_async(ASYNC_TRANSPORTS[transport](connecting), options, method, args, named))
    with Client(**options, transport=SYNC_TRANSPORTS[transport](connecting)) as client:
        answer: Answer[Any] = getattr(client, method)(*args, **named)
        return answer


async def _call_async(
    transport: AsyncTransport, options: ClientOptions, method: str, args: tuple[Any, ...], named: dict[str, Any]
) -> Answer[Any]:
    async with AsyncClient(**options, transport=transport) as client:
        answer: Answer[Any] = await getattr(client, method)(*args, **named)
        return answer
