"""httpx2, synchronous and asynchronous."""

import json
import ssl
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import httpx2

HEADERS = {"x-client-id": "TEST10001", "x-client-secret": "hush", "x-api-version": "2026-01-01"}
LIMITS = httpx2.Limits(max_connections=100)


def connect(base_url: str, ca: str) -> Callable[[], object]:
    """Return the function that makes a call, for one thread or several."""
    client = httpx2.Client(headers=HEADERS, timeout=15, limits=LIMITS, verify=ssl.create_default_context(cafile=ca))

    def call() -> object:
        answer = client.get(url(base_url, "asha", "i1"), headers={"x-request-id": str(uuid.uuid4())})
        return json.loads(answer.content)["instrument_id"], int(answer.headers["x-ratelimit-remaining"])

    return call


async def connect_async(base_url: str, ca: str) -> Callable[[], Awaitable[object]]:
    """Return the coroutine function that makes a call."""
    verify = ssl.create_default_context(cafile=ca)
    client = httpx2.AsyncClient(headers=HEADERS, timeout=15, limits=LIMITS, verify=verify)

    async def call() -> object:
        answer = await client.get(url(base_url, "asha", "i1"), headers={"x-request-id": str(uuid.uuid4())})
        return json.loads(answer.content)["instrument_id"], int(answer.headers["x-ratelimit-remaining"])

    return call


def url(base_url: str, customer_id: str, instrument_id: str) -> str:
    """Return the address of a saved card."""
    return f"{base_url}/customers/{quote(customer_id, safe='')}/instruments/{quote(instrument_id, safe='')}"
