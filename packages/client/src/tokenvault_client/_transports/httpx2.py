"""The other transport: httpx2, for teams whose house standard it is, with a client of theirs if they have one.

Its timeouts are for each read. A task is bounded as a whole; a thread checks the time between reads, so that a server
which sends the *head* of its answer byte by byte is cut off later than asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tokenvault_client._transports import MAX_BODY_BYTES, Connecting, Request, Response, whole
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports._trust import trust
from tokenvault_client.errors import CallTimeoutError, TransportError

_NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class Httpx2Transport:
    """Carries a `Client`'s requests over httpx2.

    `client` brings one of your own, with your proxies and hooks; it then stays yours to close, and to make anew after a
    fork.
    """

    def __init__(self, connecting: Connecting | None = None, *, client: httpx2.Client | None = None) -> None:
        self._connecting = connecting or Connecting()
        self._given = client
        self._own = PerProcess(lambda: _client(self._connecting))

    def send(self, request: Request, seconds: float) -> Response:
        """Give the answer within that many seconds."""
        until = time.monotonic() + seconds
        client = self._given or self._own.get()
        with _ours():
            answer = client.send(
                _httpx2_request(request, self._connecting, seconds), stream=True, auth=None, follow_redirects=False
            )
            try:
                body = _read(answer, until)
            finally:
                answer.close()
        return whole(answer.status_code, dict(answer.headers), body)

    def close(self) -> None:
        """Let go of this process's connections."""
        if own := self._own.take():
            own.close()


class AsyncHttpx2Transport:
    """Carries an `AsyncClient`'s requests over httpx2; use it from one event loop."""

    def __init__(self, connecting: Connecting | None = None, *, client: httpx2.AsyncClient | None = None) -> None:
        self._connecting = connecting or Connecting()
        self._given = client
        self._own = PerProcess(lambda: _async_client(self._connecting))

    async def send(self, request: Request, seconds: float) -> Response:
        """Give the answer within that many seconds."""
        client = self._given or self._own.get()
        with _ours():
            async with asyncio.timeout(seconds):
                answer = await client.send(
                    _httpx2_request(request, self._connecting, seconds), stream=True, auth=None, follow_redirects=False
                )
                try:
                    body = await _read_async(answer)
                finally:
                    await answer.aclose()
        return whole(answer.status_code, dict(answer.headers), body)

    async def close(self) -> None:
        """Let go of this process's connections."""
        if own := self._own.take():
            await own.aclose()


def _client(connecting: Connecting) -> httpx2.Client:
    return httpx2.Client(verify=trust(connecting.ca_pem), limits=_limits(connecting), trust_env=False)


def _async_client(connecting: Connecting) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(verify=trust(connecting.ca_pem), limits=_limits(connecting), trust_env=False)


def _limits(connecting: Connecting) -> httpx2.Limits:
    return httpx2.Limits(max_connections=connecting.max_connections)


def _httpx2_request(request: Request, connecting: Connecting, seconds: float) -> httpx2.Request:
    connect = min(connecting.connect_seconds, seconds)
    timeout = httpx2.Timeout(seconds, connect=connect, pool=connect)
    return httpx2.Request(
        request.method,
        request.url,
        headers=list(request.headers),
        content=request.body,
        extensions={"timeout": timeout.as_dict()},
    )


def _read(answer: httpx2.Response, until: float) -> bytes:
    """Gives the body, or enough of it to see that it is too long."""
    body = bytearray()
    for part in answer.iter_raw():
        body += part
        if len(body) > MAX_BODY_BYTES:
            break
        if time.monotonic() > until:
            raise CallTimeoutError("the answer took too long", sent=True)
    return bytes(body)


async def _read_async(answer: httpx2.Response) -> bytes:
    """Gives the same; the task that reads is bounded as a whole."""
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MAX_BODY_BYTES:
            break
    return bytes(body)


@contextmanager
def _ours() -> Iterator[None]:
    """Lets nothing of httpx2 out."""
    try:
        yield
    except (httpx2.TimeoutException, TimeoutError) as error:
        message = str(error) or type(error).__name__
        raise CallTimeoutError(message, sent=not isinstance(error, _NEVER_LEFT)) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, RuntimeError) as error:
        message = str(error) or type(error).__name__
        raise TransportError(message, sent=not isinstance(error, _NEVER_LEFT)) from error
