"""Posts notifications: to an address that was checked, by the name that its certificate must have, and nowhere else.

No library of HTTP clients stands here, since what matters is below them: who is connected to. There are no redirects,
proxies or cookies to switch off, one deadline covers everything, and memory is bounded (docs/adr/0021).
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
"""How many of a name's addresses are tried."""


class Outcome(NamedTuple):
    """How one attempt ended."""

    word: str
    """`delivered`, or what stood in the way; a label of metrics, so there are few."""
    answered: int | None = None
    """The status of the answer, if there was one."""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has it: any 2xx; a redirect is not followed and counts as a failure."""
        return self.word == "delivered"


class _Stream(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Resolver(Protocol):
    """Who finds the addresses of names."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Give the addresses of a name, best first; OSError when it has none."""
        ...

    def close(self) -> None:
        """Let go of whatever is needed for it."""
        ...


class Names:
    """Finds the addresses of names in threads of its own: a name server that is slow keeps nobody else waiting."""

    def __init__(self, at_once: int) -> None:
        """Have this many under way at once."""
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="resolve")

    async def resolve(self, host: str) -> Sequence[str]:
        """Give the addresses of a name, best first; OSError when it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses_of, host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Connector:
    """Opens lines to endpoints."""

    def __init__(self, policy: AddressPolicy, names: Resolver, *, deadline_seconds: float = 10, ca: str = "") -> None:
        """Connect to what `policy` allows, and trust the machine's authorities or those of a PEM file."""
        self.policy = policy
        self.names = names
        self.deadline_seconds = deadline_seconds
        self._ca = ca

    def connection(self, url: str) -> Connection:
        """Give a line to an endpoint; nothing is connected yet."""
        return Connection(self, url)

    def close(self) -> None:
        """Let go of what finding names needs."""
        self.names.close()

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """What says which certificates are believed; made once, for reading the machine's authorities takes a while."""
        try:
            context = ssl.create_default_context(cafile=self._ca or None)
        except OSError:
            raise SettingsError("webhook_ca names no PEM file of certificates") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class Connection:
    """The connections to one endpoint while notifications are sent to it; at most as many as posts at once."""

    def __init__(self, connector: Connector, url: str) -> None:
        """Lead to a URL by what a poster allows and trusts."""
        self._connector = connector
        self._url = url
        self._target: Target | None = None
        self._addresses: list[Address] = []
        self._idle: list[_Stream] = []

    async def open(self) -> Outcome | None:
        """Find out where the line leads; give what stands in the way, if anything does."""
        try:
            self._target = self._connector.policy.target(self._url)
            found = await self._connector.names.resolve(self._target.host)
        except InvalidFieldError:
            return Outcome("address_refused")
        except (OSError, UnicodeError):
            return Outcome("name_unknown")
        self._addresses = self._connector.policy.allowed(found)[:_ADDRESSES]
        return None if self._addresses else Outcome("address_refused")

    async def send(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send one notification and give how it went; whatever happens, it takes no longer than the deadline."""
        try:
            async with asyncio.timeout(self._connector.deadline_seconds):
                status = await self._exchange(_request(self._opened(), headers, body))
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
        """Hang up."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.writer.transport.abort()

    def _opened(self) -> Target:
        if self._target is None or not self._addresses:
            raise ConnectionError
        return self._target

    async def _exchange(self, request: bytes) -> int:
        """Send a request and give the answer's status; over an idle connection first, which may have been closed."""
        while self._idle:
            with suppress(OSError, MalformedAnswerError):
                return await self._ask(self._idle.pop(), request)
        return await self._ask(await self._connect(), request)

    async def _ask(self, connection: _Stream, request: bytes) -> int:
        may_continue = False
        try:
            connection.writer.write(request)
            await connection.writer.drain()
            answer = await read_answer(connection.reader)
            may_continue = answer.is_complete and answer.may_continue
        finally:
            if may_continue:
                self._idle.append(connection)
            else:
                connection.writer.transport.abort()
        return answer.status

    async def _connect(self) -> _Stream:
        *others, last = self._addresses
        for address in others:
            with suppress(OSError):
                return await self._connect_to(address)
        return await self._connect_to(last)

    async def _connect_to(self, address: Address) -> _Stream:
        """Connect to an address that was checked; the certificate must be the name's."""
        target = self._opened()
        trust, name = (self._connector.trust, target.host) if target.is_secure else (None, None)
        opened = await asyncio.open_connection(str(address), target.port, ssl=trust, server_hostname=name)
        return _Stream(*opened)


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    """Give a request as it travels. Nothing in it comes from outside but the URL, which has no space or line end."""
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
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
