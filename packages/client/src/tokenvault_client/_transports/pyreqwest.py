"""Another transport: pyreqwest, which is Rust's reqwest and rustls, for whoever wants HTTP/2.

What the library raises is read here and nowhere else. Three habits of it (0.15) matter:

* Its classes do not tell whether a request left: a connection that is closed after the request is a `ConnectError`, a
  stall is a `ConnectTimeoutError`. The chain of causes does tell.
* Its runtimes are global to a process and dead in a child of `fork`. It has two, and a child may start the one that no
  ancestor used; where none is left, the usual transport takes over.
* Its threads call into an event loop and are not through with Python when a fast program ends (see `_at_exit`).
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
    whole,
)
from tokenvault_client._transports._at_exit import wait_at_exit
from tokenvault_client._transports._per_process import PerProcess
from tokenvault_client._transports.http1.tasks import AsyncHttp1Transport
from tokenvault_client._transports.http1.threads import Http1Transport
from tokenvault_client.errors import CallTimeoutError, TransportError, UsageError

Builder = TypeVar("Builder", bound=BaseClientBuilder)
Building = TypeVar("Building", bound=BaseRequestBuilder)
Built = TypeVar("Built")

_WHILE_CONNECTING = "client error (Connect)"


class PyreqwestTransport:
    """Carries a `Client`'s requests."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._own: PerProcess[Transport] = PerProcess(lambda: _sync_connections(connecting or Connecting()))

    def send(self, request: Request, seconds: float) -> Response:
        """Give the answer, over this process's connections."""
        return self._own.get().send(request, seconds)

    def close(self) -> None:
        """Let go of this process's connections."""
        if own := self._own.take():
            own.close()


class AsyncPyreqwestTransport:
    """Carries an `AsyncClient`'s requests."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        self._own: PerProcess[AsyncTransport] = PerProcess(lambda: _async_connections(connecting or Connecting()))

    async def send(self, request: Request, seconds: float) -> Response:
        """Give the answer, over this process's connections."""
        return await self._own.get().send(request, seconds)

    async def close(self) -> None:
        """Let go of this process's connections."""
        if own := self._own.take():
            await own.close()


class _Connections:
    """The connections of one process."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def send(self, request: Request, seconds: float) -> Response:
        try:
            building = self._client.request(request.method, request.url)
            with _filled(building, request, seconds).build_streamed() as answer:
                status, headers = answer.status, _headers(answer.headers)
                body = bytes(answer.body_reader.read_chunk() or b"")
                if not _is_all(headers, body):
                    body += bytes(answer.body_reader.read(MAX_BODY_BYTES + 1) or b"")
        except Exception as error:
            raise _transport_error(error) from error
        return whole(status, headers, body)

    def close(self) -> None:
        self._client.close()


class _AsyncConnections:
    """The same, for tasks."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, request: Request, seconds: float) -> Response:
        try:
            building = self._client.request(request.method, request.url)
            async with _filled(building, request, seconds).build_streamed() as answer:
                status, headers = answer.status, _headers(answer.headers)
                body = bytes(await answer.body_reader.read_chunk() or b"")
                if not _is_all(headers, body):
                    body += bytes(await answer.body_reader.read(MAX_BODY_BYTES + 1) or b"")
        except Exception as error:
            raise _transport_error(error) from error
        return whole(status, headers, body)

    async def close(self) -> None:
        await self._client.close()


def _sync_connections(connecting: Connecting) -> Transport:
    client = _on_a_runtime_that_lives(lambda: _configured(SyncClientBuilder(), connecting), SyncClientBuilder.build)
    return _Connections(client) if client else Http1Transport(connecting)


def _async_connections(connecting: Connecting) -> AsyncTransport:
    client = _on_a_runtime_that_lives(lambda: _configured(ClientBuilder(), connecting), ClientBuilder.build)
    if not client:
        return AsyncHttp1Transport(connecting)
    wait_at_exit()
    return _AsyncConnections(client)


def _on_a_runtime_that_lives(configured: Callable[[], Builder], build: Callable[[Builder], Built]) -> Built | None:
    """Gives a client on the first runtime that works here, or None after the second fork."""
    for multithreaded in (False, True):
        try:
            return build(configured().runtime_multithreaded(multithreaded))
        except RuntimeError:  # "A pyreqwest runtime was initialized before fork()"
            continue
        except Exception as error:
            raise UsageError(f"connections cannot be made with these options: {error}") from error
    return None


def _configured(builder: Builder, connecting: Connecting) -> Builder:
    seconds = timedelta(seconds=connecting.connect_seconds)
    builder = builder.connect_timeout(seconds).pool_timeout(seconds).max_connections(connecting.max_connections)
    if connecting.ca_pem:
        builder = builder.add_root_certificate_pem(connecting.ca_pem)
    # A redirect would carry the secret elsewhere, and so would a proxy that a variable names. Nothing is unpacked: the
    # bodies are small, and an archive can be large inside.
    builder = builder.follow_redirects(enable=False).referer(enable=False).no_proxy().http1_lower_case_headers()
    return builder.gzip(enable=False).brotli(enable=False).zstd(enable=False).deflate(enable=False)


def _filled(building: Building, request: Request, seconds: float) -> Building:
    building = building.headers(request.headers).timeout(timedelta(seconds=seconds))
    return building if request.body is None else building.body_bytes(request.body)


def _is_all(headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether a body came whole with its first part: to ask the other thread again is a tenth of a call."""
    return headers.get("content-length") == str(len(body))


def _headers(headers: HeaderMap) -> dict[str, str]:
    try:
        return dict(headers.items())
    except ValueError:  # one of them is not ASCII; nothing of this API is such a one
        return dict(_readable(headers))


def _readable(headers: HeaderMap) -> Iterator[tuple[str, str]]:
    for name in headers:
        try:
            yield name, headers[name]
        except ValueError:
            continue


def _transport_error(error: Exception) -> TransportError:
    causes = list(_causes(error)) if isinstance(error, DetailedPyreqwestError) else []
    sent = not (_WHILE_CONNECTING in causes or isinstance(error, BuilderError | PoolTimeoutError))
    # The first cause names the URL, which the message of ours does not need; the last is the root of it.
    message = causes[-1] if causes else f"{type(error).__name__}: {error}"
    return (CallTimeoutError if isinstance(error, RequestTimeoutError) else TransportError)(message, sent=sent)


def _causes(error: object) -> Iterable[str]:
    details = getattr(error, "details", None) or {}
    return (cause["message"] for cause in details.get("causes") or ())
