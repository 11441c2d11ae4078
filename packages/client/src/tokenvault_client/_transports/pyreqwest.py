"""A transport over pyreqwest, which is Rust's reqwest with rustls. It supports HTTP/2.

Only this module interprets the errors of the library. Three properties of its release 0.15 matter:

* Its exception classes do not say whether a request was sent: a connection that the server closes after the request is
  a `ConnectError`, and a stall is a `ConnectTimeoutError`. The chain of causes does say it.
* Its runtimes are global to a process and unusable in a child of `fork`. There are two, and a child may start the one
  that no ancestor used. If none is left, the HTTP/1.1 transport takes over.
* Its threads call into an event loop, and may still be inside Python when a fast program ends (see `_at_exit`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TypeVar

from pyreqwest.client import BaseClientBuilder, Client, ClientBuilder, SyncClient, SyncClientBuilder
from pyreqwest.exceptions import BuilderError, DetailedPyreqwestError, PoolTimeoutError, RequestTimeoutError
from pyreqwest.http import HeaderMap
from pyreqwest.request import BaseRequestBuilder

from tokenvault_client._transports import (
    MAX_BODY_BYTES,
    AsyncTransport,
    Connecting,
    Request,
    Response,
    Transport,
    bounded_response,
)
from tokenvault_client._transports import _schemes as schemes
from tokenvault_client._transports._at_exit import wait_at_exit
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports._tls import authorities
from tokenvault_client._transports.http1.tasks import AsyncHttp1Transport
from tokenvault_client._transports.http1.threads import Http1Transport
from tokenvault_client.errors import CallTimeoutError, TransportError, UsageError

Builder = TypeVar("Builder", bound=BaseClientBuilder)
RequestBuilder = TypeVar("RequestBuilder", bound=BaseRequestBuilder)
Built = TypeVar("Built")

_CONNECT_CAUSE = "client error (Connect)"
_NOT_HTTP = frozenset({"invalid HTTP version parsed", "invalid HTTP header parsed"})


class PyreqwestTransport:
    """Sends a `Client`'s requests."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._own: PerProcess[Transport] = PerProcess(lambda: _sync_connections(connecting or Connecting()))

    def send(self, request: Request, seconds: float) -> Response:
        """Return the response, over the connections of this process."""
        return self._own.get().send(request, seconds)

    def close(self) -> None:
        """Close the connections of this process."""
        if own := self._own.pop():
            own.close()


class AsyncPyreqwestTransport:
    """Sends an `AsyncClient`'s requests."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._own: PerProcess[AsyncTransport] = PerProcess(lambda: _async_connections(connecting or Connecting()))

    async def send(self, request: Request, seconds: float) -> Response:
        """Return the response, over the connections of this process."""
        return await self._own.get().send(request, seconds)

    async def close(self) -> None:
        """Close the connections of this process."""
        if own := self._own.pop():
            await own.close()


class _Connections:
    """The connections of one process."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def send(self, request: Request, seconds: float) -> Response:
        try:
            builder = self._client.request(request.method, request.url)
            with _completed(builder, request, seconds).build_streamed() as response:
                status, headers = response.status, _headers(response.headers)
                body = bytes(response.body_reader.read_chunk() or b"")
                if not _is_complete(headers, body):
                    body += bytes(response.body_reader.read(MAX_BODY_BYTES + 1) or b"")
        except Exception as error:
            raise _transport_error(error, request) from error
        return bounded_response(status, headers, body)

    def close(self) -> None:
        self._client.close()


class _AsyncConnections:
    """The connections of one process, for tasks."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, request: Request, seconds: float) -> Response:
        try:
            builder = self._client.request(request.method, request.url)
            async with _completed(builder, request, seconds).build_streamed() as response:
                status, headers = response.status, _headers(response.headers)
                body = bytes(await response.body_reader.read_chunk() or b"")
                if not _is_complete(headers, body):
                    body += bytes(await response.body_reader.read(MAX_BODY_BYTES + 1) or b"")
        except Exception as error:
            raise _transport_error(error, request) from error
        return bounded_response(status, headers, body)

    async def close(self) -> None:
        await self._client.close()


def _sync_connections(connecting: Connecting) -> Transport:
    client = _on_a_usable_runtime(lambda: _configured(SyncClientBuilder(), connecting), SyncClientBuilder.build)
    return _Connections(client) if client else Http1Transport(connecting)


def _async_connections(connecting: Connecting) -> AsyncTransport:
    client = _on_a_usable_runtime(lambda: _configured(ClientBuilder(), connecting), ClientBuilder.build)
    if not client:
        return AsyncHttp1Transport(connecting)
    wait_at_exit()
    return _AsyncConnections(client)


def _on_a_usable_runtime(configured: Callable[[], Builder], build: Callable[[Builder], Built]) -> Built | None:
    """Return a client on the first runtime that works in this process, or None after the second fork."""
    for multithreaded in (False, True):
        try:
            return build(configured().runtime_multithreaded(multithreaded))
        except RuntimeError:  # "A pyreqwest runtime was initialized before fork()"
            continue
        except Exception as error:
            raise UsageError(f"the options of the connections are invalid: {error}") from error
    return None


def _configured(builder: Builder, connecting: Connecting) -> Builder:
    seconds = timedelta(seconds=connecting.connect_seconds)
    builder = builder.connect_timeout(seconds).pool_timeout(seconds).max_connections(connecting.max_connections)
    builder = builder.pool_idle_timeout(timedelta(seconds=connecting.max_idle_seconds))
    for pem in authorities(connecting.ca_pem):
        builder = builder.add_root_certificate_pem(pem)
    # A redirect would send the secret to another host, and so would a proxy from an environment variable. Responses are
    # not decompressed: the bodies are small, and a small archive can expand to a large one.
    builder = builder.follow_redirects(enable=False).referer(enable=False).no_proxy().http1_lower_case_headers()
    return builder.gzip(enable=False).brotli(enable=False).zstd(enable=False).deflate(enable=False)


def _completed(builder: RequestBuilder, request: Request, seconds: float) -> RequestBuilder:
    builder = builder.headers(request.headers).timeout(timedelta(seconds=seconds))
    return builder if request.body is None else builder.body_bytes(request.body)


def _is_complete(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether the first part is the whole body. Another read from the runtime costs a tenth of a call."""
    return headers.get("content-length") == str(len(body))


def _headers(headers: HeaderMap) -> dict[str, str]:
    try:
        return dict(headers.items())
    except ValueError:  # one of them is not ASCII; every header of this API is ASCII
        return dict(_ascii_headers(headers))


def _ascii_headers(headers: HeaderMap) -> Iterator[tuple[str, str]]:
    for name in headers:
        try:
            yield name, headers[name]
        except ValueError:
            continue


def _transport_error(error: Exception, request: Request) -> TransportError:
    causes = list(_causes(error)) if isinstance(error, DetailedPyreqwestError) else []
    sent = not (_CONNECT_CAUSE in causes or isinstance(error, BuilderError | PoolTimeoutError))
    # The first cause contains the URL, which the message does not need. The last is the root cause.
    message = causes[-1] if causes else f"{type(error).__name__}: {error}"
    if schemes.is_without_tls(message):
        message = schemes.NO_TLS
    elif message in _NOT_HTTP and request.url.startswith("http:"):
        message = f"{message}; {schemes.MAYBE_TLS}"
    return (CallTimeoutError if isinstance(error, RequestTimeoutError) else TransportError)(message, sent=sent)


def _causes(error: object) -> Iterable[str]:
    details = getattr(error, "details", None) or {}
    return (cause["message"] for cause in details.get("causes") or ())
