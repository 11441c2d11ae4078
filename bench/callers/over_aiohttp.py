"""aiohttp, which is only asynchronous."""

import json
import ssl
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import aiohttp

HEADERS = {"x-client-id": "TEST10001", "x-client-secret": "hush", "x-api-version": "2026-01-01"}


async def connect_async(base_url: str, ca: str) -> Callable[[], Awaitable[object]]:
    """Return the coroutine function that makes a call."""
    connector = aiohttp.TCPConnector(limit=100, ssl=ssl.create_default_context(cafile=ca))
    session = aiohttp.ClientSession(headers=HEADERS, timeout=aiohttp.ClientTimeout(total=15), connector=connector)

    async def call() -> object:
        url = f"{base_url}/customers/{quote('asha', safe='')}/instruments/{quote('i1', safe='')}"
        async with session.get(url, headers={"x-request-id": str(uuid.uuid4())}) as answer:
            body = await answer.read()
            return json.loads(body)["instrument_id"], int(answer.headers["x-ratelimit-remaining"])

    return call
