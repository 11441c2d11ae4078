"""The seam to the network: what a transport is given, what it gives back, and what it may raise.

A transport carries one request and brings one answer. It knows nothing of retries, ids or JSON, follows no redirect and
keeps no cookie. Whatever goes wrong below it, it raises `TransportError` and says whether the request may have arrived.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from tokenvault_client.errors import TransportError
from tokenvault_contract import headers as names

MAX_BODY_BYTES: Final = 4 * 2**20
"""Of an answer; a hundred saved cards take 70 KB. A server that sends on and on must not fill the memory here."""

_SHOWN = frozenset({"accept", "content-type", "user-agent", names.API_VERSION, names.REQUEST_ID, names.IDEMPOTENCY_KEY})


class Request(NamedTuple):
    """One HTTP request, ready to be sent as it is."""

    method: str
    url: str
    """With every id encoded; not to be tidied up."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes | None = None

    def __repr__(self) -> str:
        """Show which headers there are, but values only of those that are never secret; of the body only its size."""
        shown = ", ".join(f"{name}={value if name in _SHOWN else '***'}" for name, value in self.headers)
        return f"<Request {self.method} {self.url} [{shown}] {len(self.body or b'')} bytes>"


class Response(NamedTuple):
    """One HTTP answer with its whole body."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes

    def __repr__(self) -> str:
        """Show the size of the body only: it may hold a cryptogram."""
        return f"<Response {self.status} {len(self.body)} bytes>"


def whole(status: int, headers: dict[str, str], body: bytes) -> Response:
    """Gives the answer whose body was read up to one byte beyond what is allowed.

    Raises:
        TransportError: That byte was there.
    """
    if len(body) > MAX_BODY_BYTES:
        raise too_long()
    return Response(status, headers, body)


def too_long() -> TransportError:
    """Gives what to raise when more came than is taken."""
    return TransportError(f"the answer is longer than {MAX_BODY_BYTES:,} bytes", sent=True)


class Transport(Protocol):
    """What carries a `Client`'s requests. Threads share it."""

    def send(self, request: Request, seconds: float) -> Response:
        """Give the answer within that many seconds, from the first byte to the last.

        Raises:
            TransportError: No whole answer came; `sent` is False only if the request certainly never left.
        """
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


class AsyncTransport(Protocol):
    """What carries an `AsyncClient`'s requests. Tasks share it."""

    async def send(self, request: Request, seconds: float) -> Response:
        """Give the answer within that many seconds, from the first byte to the last.

        Raises:
            TransportError: No whole answer came; `sent` is False only if the request certainly never left.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


def is_ours(transport: object) -> bool:
    """Tells whether a transport is of this package, so that what it does not document was raised by somebody else."""
    return type(transport).__module__.startswith(__name__)


class Connecting(NamedTuple):
    """How connections are made, whatever library makes them."""

    connect_seconds: float = 5.0
    max_connections: int = 100
    ca_pem: bytes | None = None
    """Certificates of authorities to trust beside those of the system."""
