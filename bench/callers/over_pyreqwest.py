"""Our client, in both colours, on its transport for HTTP/2, which speaks HTTP/1.1 here."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from tokenvault_client import AsyncClient, Client
from tokenvault_client.transports import AsyncPyreqwestTransport, Connecting, PyreqwestTransport


def connect(base_url: str, ca: str) -> Callable[[], object]:
    """Return what to call, from one thread or several."""
    own = PyreqwestTransport(connecting(ca))
    vault = Client(base_url=base_url, client_id="TEST10001", client_secret="hush", transport=own)  # noqa: S106

    def call() -> object:
        answer = vault.fetch_instrument("asha", "i1")
        return answer.data.instrument_id, answer.rate_limit.remaining

    return call


async def connect_async(base_url: str, ca: str) -> Callable[[], Awaitable[object]]:
    """Return what to call from tasks."""
    own = AsyncPyreqwestTransport(connecting(ca))
    vault = AsyncClient(base_url=base_url, client_id="TEST10001", client_secret="hush", transport=own)  # noqa: S106

    async def call() -> object:
        answer = await vault.fetch_instrument("asha", "i1")
        return answer.data.instrument_id, answer.rate_limit.remaining

    return call


def connecting(ca: str) -> Connecting:
    """Return whom to trust."""
    return Connecting(ca_pem=Path(ca).read_bytes())
