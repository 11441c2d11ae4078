"""A transport over httpx2, for teams that use this library, optionally with their own client.

The timeouts of httpx2 apply to each read. The asynchronous transport bounds the whole task. The synchronous one checks
the time between reads: if a server sends the *head* of a response byte by byte, the call ends later than its deadline.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tokenvault_client._transports import MAX_BODY_BYTES, Connecting, Request, Response, bounded_response
from tokenvault_client._transports import _schemes as schemes
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports._tls import tls_context, without_tls
from tokenvault_client.errors import CallTimeoutError, TransportError

_UNSENT_ERRORS = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class Httpx2Transport:
    """Sends a `Client`'s requests over httpx2.

    Pass `client` to use your own client, with your proxies and hooks. You then close it, and create a new one after a
    fork.
    """

    def __init__(self, connecting: Connecting | None = None, *, client: httpx2.Client | None = None) -> None:
        self._connecting = connecting or Connecting()
        self._user_client = client
        self._plain = PerProcess(lambda: _client(self._connecting, without_tls()))
        self._secure = PerProcess(lambda: _client(self._connecting, tls_context(self._connecting.ca_pem)))

    def send(self, request: Request, seconds: float) -> Response:
        """Return the response within that many seconds."""
        deadline = time.monotonic() + seconds
        own = self._secure if request.url.startswith("https:") else self._plain
        client = self._user_client or own.get()
        with _translated_errors(request):
            response = client.send(
                _httpx2_request(request, self._connecting, seconds), stream=True, auth=None, follow_redirects=False
            )
            try:
                body = _read(response, deadline)
            finally:
                response.close()
        return bounded_response(response.status_code, dict(response.headers), body)

    def close(self) -> None:
        """Close the connections of this process."""
        for own in (self._plain, self._secure):
            if client := own.pop():
                client.close()


class AsyncHttpx2Transport:
    """Sends an `AsyncClient`'s requests over httpx2. Use it in one event loop."""

    def __init__(self, connecting: Connecting | None = None, *, client: httpx2.AsyncClient | None = None) -> None:
        self._connecting = connecting or Connecting()
        self._user_client = client
        self._plain = PerProcess(lambda: _async_client(self._connecting, without_tls()))
        self._secure = PerProcess(lambda: _async_client(self._connecting, tls_context(self._connecting.ca_pem)))

    async def send(self, request: Request, seconds: float) -> Response:
        """Return the response within that many seconds."""
        own = self._secure if request.url.startswith("https:") else self._plain
        client = self._user_client or own.get()
        with _translated_errors(request):
            async with asyncio.timeout(seconds):
                response = await client.send(
                    _httpx2_request(request, self._connecting, seconds), stream=True, auth=None, follow_redirects=False
                )
                try:
                    body = await _read_async(response)
                finally:
                    await response.aclose()
        return bounded_response(response.status_code, dict(response.headers), body)

    async def close(self) -> None:
        """Close the connections of this process."""
        for own in (self._plain, self._secure):
            if client := own.pop():
                await client.aclose()


def _client(connecting: Connecting, context: ssl.SSLContext) -> httpx2.Client:
    return httpx2.Client(verify=context, limits=_limits(connecting), trust_env=False)


def _async_client(connecting: Connecting, context: ssl.SSLContext) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(verify=context, limits=_limits(connecting), trust_env=False)


def _limits(connecting: Connecting) -> httpx2.Limits:
    return httpx2.Limits(max_connections=connecting.max_connections, keepalive_expiry=connecting.max_idle_seconds)


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


def _read(response: httpx2.Response, deadline: float) -> bytes:
    """Return the body, or enough of it to see that it is too long."""
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > MAX_BODY_BYTES:
            break
        if time.monotonic() > deadline:
            raise CallTimeoutError("the response did not arrive in time", sent=True)
    return bytes(body)


async def _read_async(response: httpx2.Response) -> bytes:
    """Return the body, or enough of it to see that it is too long. The caller bounds the time."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_BODY_BYTES:
            break
    return bytes(body)


@contextmanager
def _translated_errors(request: Request) -> Iterator[None]:
    """Raise a `TransportError` for every error of httpx2."""
    try:
        yield
    except (httpx2.TimeoutException, TimeoutError) as error:
        message = str(error) or type(error).__name__
        raise CallTimeoutError(message, sent=not isinstance(error, _UNSENT_ERRORS)) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, RuntimeError) as error:
        message = str(error) or type(error).__name__
        if schemes.is_without_tls(error):
            message = schemes.NO_TLS
        elif isinstance(error, httpx2.RemoteProtocolError) and request.url.startswith("http:"):
            message = f"{message}; {schemes.MAYBE_TLS}"
        raise TransportError(message, sent=not isinstance(error, _UNSENT_ERRORS)) from error
