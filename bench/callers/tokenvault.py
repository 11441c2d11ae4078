"""Our client, synchronous and asynchronous."""

from collections.abc import Awaitable, Callable

from tokenvault_client import AsyncClient, Client


def connect(base_url: str, ca: str) -> Callable[[], object]:
    """Return the function that makes a call, for one thread or several."""
    vault = Client(base_url=base_url, client_id="TEST10001", client_secret="hush", ca_file=ca)  # noqa: S106

    def call() -> object:
        answer = vault.fetch_instrument("asha", "i1")
        return answer.data.instrument_id, answer.rate_limit.remaining

    return call


async def connect_async(base_url: str, ca: str) -> Callable[[], Awaitable[object]]:
    """Return the coroutine function that makes a call."""
    vault = AsyncClient(base_url=base_url, client_id="TEST10001", client_secret="hush", ca_file=ca)  # noqa: S106

    async def call() -> object:
        answer = await vault.fetch_instrument("asha", "i1")
        return answer.data.instrument_id, answer.rate_limit.remaining

    return call
