"""Our client, synchronous and asynchronous, on its transport for HTTP/2, which uses HTTP/1.1 here."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from tokenvault_client import AsyncClient, Client
from tokenvault_client.transports import AsyncPyreqwestTransport, Connecting, PyreqwestTransport


def connect(base_url: str, ca: str) -> Callable[[], object]:
    """Return the function that makes a call, for one thread or several."""
    own = PyreqwestTransport(connecting(ca))
    vault = Client(base_url=base_url, client_id="TEST10001", client_secret="hush", transport=own)  # noqa: S106

    def call() -> object:
        answer = vault.fetch_instrument("asha", "i1")
        return answer.data.instrument_id, answer.rate_limit.remaining

    return call


async def connect_async(base_url: str, ca: str) -> Callable[[], Awaitable[object]]:
    """Return the coroutine function that makes a call."""
    own = AsyncPyreqwestTransport(connecting(ca))
    vault = AsyncClient(base_url=base_url, client_id="TEST10001", client_secret="hush", transport=own)  # noqa: S106

    async def call() -> object:
        answer = await vault.fetch_instrument("asha", "i1")
        return answer.data.instrument_id, answer.rate_limit.remaining

    return call


def connecting(ca: str) -> Connecting:
    """Return the connection settings with the trusted certificate."""
    return Connecting(ca_pem=Path(ca).read_bytes())
