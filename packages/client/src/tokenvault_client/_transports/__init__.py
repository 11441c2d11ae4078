"""The interface to the network: what a transport takes, what it returns, and what it may raise.

A transport sends one request and returns one response. It knows nothing of retries, ids or JSON. It follows no redirect
and stores no cookie. It turns every failure of its library into a `TransportError`, which says whether the request may
have arrived.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from tokenvault_client._secrets import Secret
from tokenvault_client.errors import TransportError
from tokenvault_contract import headers as names

MAX_BODY_BYTES: Final = 4 * 2**20
"""The limit for the body of a response, so that an endless one cannot fill the memory. 100 saved cards need 70 KB."""

_SHOWN = frozenset({"accept", "content-type", "user-agent", names.API_VERSION, names.REQUEST_ID, names.IDEMPOTENCY_KEY})


Headers = tuple[tuple[str, str], ...]


class Request:
    """One HTTP request, to be sent unchanged. It cannot be changed or pickled.

    Read `headers` and `body` where you send them. In a variable of yours, an error tracker could record them.
    """

    __slots__ = ("_content", "_method", "_url")

    def __init__(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> None:
        self._method = method
        self._url = url
        self._content = Secret((headers, body))

    @property
    def method(self) -> str:
        """The method."""
        return self._method

    @property
    def url(self) -> str:
        """The URL with encoded ids. A transport must not normalise it."""
        return self._url

    @property
    def headers(self) -> Headers:
        """The headers, with names in lower case. They contain the credentials."""
        return self._content.reveal()[0]

    @property
    def body(self) -> bytes | None:
        """The body. It may contain a card number."""
        return self._content.reveal()[1]

    def __dir__(self) -> list[str]:
        """Leave out the secret parts, for tools that show all attributes."""
        return ["method", "url"]

    def __repr__(self) -> str:
        """Show the values of headers that are never secret, only the names of others, and the size of the body."""
        shown = ", ".join(f"{name}={value if name in _SHOWN else '***'}" for name, value in self.headers)
        return f"<Request {self.method} {self.url} [{shown}] {len(self.body or b'')} bytes>"


class Response:  # noqa: PLW1641  # equal in content, and a body is no key
    """One HTTP response with its whole body. It cannot be changed or pickled.

    Its `headers` have names in lower case. Of repeated headers, the last counts.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._status = status
        self._headers = headers
        self._body = Secret(body)

    @property
    def status(self) -> int:
        """The status."""
        return self._status

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with names in lower case."""
        return self._headers

    @property
    def body(self) -> bytes:
        """The body. It may contain a cryptogram."""
        return self._body.reveal()

    def __dir__(self) -> list[str]:
        """Leave out the body, for tools that show all attributes."""
        return ["headers", "status"]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return (self.status, self.headers, self.body) == (other.status, other.headers, other.body)

    def __repr__(self) -> str:
        """Show only the size of the body: it may contain a cryptogram."""
        return f"<Response {self.status} {len(self.body)} bytes>"


def bounded_response(status: int, headers: dict[str, str], body: bytes) -> Response:
    """Return a response whose body was read up to one byte beyond the limit.

    Raises:
        TransportError: The body is longer than the limit.
    """
    if len(body) > MAX_BODY_BYTES:
        raise response_too_long()
    return Response(status, headers, body)


def response_too_long() -> TransportError:
    """Return the error for a response beyond the limit."""
    return TransportError(f"the response is longer than {MAX_BODY_BYTES:,} bytes", sent=True)


class Transport(Protocol):
    """Sends the requests of a `Client`. Threads share a transport."""

    def send(self, request: Request, seconds: float) -> Response:
        """Return the response within that many seconds, from the first byte to the last.

        Raises:
            TransportError: No complete response arrived. `sent` is False only if the request certainly was not sent.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class AsyncTransport(Protocol):
    """Sends the requests of an `AsyncClient`. Tasks share a transport."""

    async def send(self, request: Request, seconds: float) -> Response:
        """Return the response within that many seconds, from the first byte to the last.

        Raises:
            TransportError: No complete response arrived. `sent` is False only if the request certainly was not sent.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def is_builtin(transport: object) -> bool:
    """Return whether a transport belongs to this package. Such a transport raises only what it documents itself."""
    return type(transport).__module__.startswith(__name__)


class Connecting(NamedTuple):
    """The options of connections, for every transport of this package."""

    connect_seconds: float = 5.0
    max_connections: int = 100
    ca_pem: bytes | None = None
    """Certificates of authorities to trust in addition to those of the system."""
    max_idle_seconds: float = 60.0
    """An idle connection is closed after this time: a gateway may have dropped it without closing it."""
