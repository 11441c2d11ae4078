"""Posts events. It connects only to addresses that were checked, and requires a certificate for the host name.

No HTTP client library is used, because they do not let the caller choose the address of a connection. As a consequence
there are no redirects, proxies or cookies to switch off, one deadline covers everything, and memory is bounded
(docs/adr/0021).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from tokenvault_server import __version__
from tokenvault_server.errors import InvalidFieldError, SettingsError
from tokenvault_server.webhooks.addresses import Address, AddressPolicy, Target
from tokenvault_server.webhooks.answers import MalformedAnswerError, read_answer

_ADDRESSES: Final = 3
"""How many addresses of a host name are tried."""


class Outcome(NamedTuple):
    """The result of one attempt."""

    label: str
    """`delivered`, or the reason why not. It is a label of metrics, so there are few values."""
    answered: int | None = None
    """The status of the response, if there was one."""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver answered 2xx. A redirect is not followed and counts as a failure."""
        return self.label == "delivered"


class _Stream(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Resolver(Protocol):
    """Resolves host names."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host name, best first.

        Raises:
            OSError: it has no address.
        """
        ...

    def close(self) -> None:
        """Release the resolver's resources."""
        ...


class ThreadedResolver:
    """Resolves host names in threads of its own, so that a slow name server blocks nothing else."""

    def __init__(self, concurrency: int) -> None:
        """Resolve up to `concurrency` names at the same time."""
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="resolve")

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host name, best first.

        Raises:
            OSError: it has no address.
        """
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._threads, _addresses_of, host)
        return list(dict.fromkeys(addresses))

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Connector:
    """Makes connections to endpoints."""

    empty_queue_pause = 0.5
    """The shortest time, in seconds, between two batches of one endpoint when the first ended with an empty queue."""

    def __init__(
        self, policy: AddressPolicy, resolver: Resolver, *, deadline_seconds: float = 10, ca: str = ""
    ) -> None:
        """Connect to addresses that `policy` allows.

        `ca` is a PEM file with the certificate authorities to trust; empty for the machine's own.
        """
        self.policy = policy
        self.resolver = resolver
        self.deadline_seconds = deadline_seconds
        self._ca = ca

    def connection(self, url: str) -> Connection:
        """Return a connection to an endpoint; nothing is connected yet."""
        return Connection(self, url)

    def close(self) -> None:
        """Close the resolver."""
        self.resolver.close()

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """The trusted certificate authorities. Made once, because reading the machine's own takes a while."""
        try:
            context = ssl.create_default_context(cafile=self._ca or None)
        except OSError:
            raise SettingsError("webhook_ca names no PEM file of certificates") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class Connection:
    """The connection to one endpoint during a batch: at most one TCP stream for each concurrent attempt."""

    def __init__(self, connector: Connector, url: str) -> None:
        """Connect to a URL by the rules of a connector."""
        self._connector = connector
        self._url = url
        self._target: Target | None = None
        self._addresses: list[Address] = []
        self._idle: list[_Stream] = []

    async def open(self) -> Outcome | None:
        """Check the URL and resolve its host name; return an outcome if nothing can be sent, else None."""
        try:
            self._target = self._connector.policy.target(self._url)
            resolved = await self._connector.resolver.resolve(self._target.host)
        except InvalidFieldError:
            return Outcome("address_refused")
        except (OSError, UnicodeError):
            return Outcome("name_unknown")
        self._addresses = self._connector.policy.allowed(resolved)[:_ADDRESSES]
        return None if self._addresses else Outcome("address_refused")

    async def send(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post one body and return the outcome, within the deadline in every case."""
        try:
            async with asyncio.timeout(self._connector.deadline_seconds):
                status = await self._exchange(_request(self._checked_target(), headers, body))
        except TimeoutError:
            return Outcome("timed_out")
        except ssl.SSLError:
            return Outcome("not_trusted")
        except (MalformedAnswerError, asyncio.IncompleteReadError):
            return Outcome("malformed")
        except OSError:
            return Outcome("unreachable")
        return Outcome("delivered" if 200 <= status < 300 else "refused", status)

    def close(self) -> None:
        """Close all idle streams."""
        idle, self._idle = self._idle, []
        for stream in idle:
            stream.writer.transport.abort()

    def _checked_target(self) -> Target:
        if self._target is None or not self._addresses:
            raise ConnectionError
        return self._target

    async def _exchange(self, request: bytes) -> int:
        """Send a request and return the status of the response."""
        # An idle stream saves a handshake. The receiver may have closed it since: then the next one is used.
        while self._idle:
            with suppress(OSError, MalformedAnswerError):
                return await self._exchange_over(self._idle.pop(), request)
        return await self._exchange_over(await self._connect(), request)

    async def _exchange_over(self, stream: _Stream, request: bytes) -> int:
        may_continue = False
        try:
            stream.writer.write(request)
            await stream.writer.drain()
            answer = await read_answer(stream.reader)
            may_continue = answer.is_complete and answer.may_continue
        finally:
            if may_continue:
                self._idle.append(stream)
            else:
                stream.writer.transport.abort()
        return answer.status

    async def _connect(self) -> _Stream:
        *others, last = self._addresses
        for address in others:
            with suppress(OSError):
                return await self._connect_to(address)
        return await self._connect_to(last)

    async def _connect_to(self, address: Address) -> _Stream:
        """Connect to an address that was checked; the certificate must be valid for the host name."""
        target = self._checked_target()
        context, name = (self._connector.ssl_context, target.host) if target.is_secure else (None, None)
        stream = await asyncio.open_connection(str(address), target.port, ssl=context, server_hostname=name)
        return _Stream(*stream)


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a request.

    Only the URL comes from outside, and it holds no space and no line end: no header can be injected.
    """
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"host: {target.authority}",
        f"user-agent: Tokenvault/{__version__}",
        "accept: */*",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def _addresses_of(host: str) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
