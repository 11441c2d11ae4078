"""A call and its reply, as the pipeline sees them: no server, no socket, no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokenvault_contract.versions import LATEST, ApiVersion

if TYPE_CHECKING:
    from tokenvault_contract.operations import Operation
    from tokenvault_server.api.rate_limits import Rate
    from tokenvault_server.domain.merchant import Caller

Headers = list[tuple[bytes, bytes]]

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")


class Call:
    """One request on its way through the pipeline, and what has become known of it so far."""

    __slots__ = (
        "about",
        "body",
        "caller",
        "headers",
        "idempotency_key",
        "method",
        "operation",
        "origin",
        "path",
        "problem",
        "query",
        "rate",
        "raw_path",
        "replayed",
        "reply_until",
        "request_id",
        "version",
    )

    def __init__(self, method: str, raw_path: bytes, query: bytes, headers: Headers, origin: str) -> None:
        """Take what the door read; everything else becomes known on the way."""
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.headers = dict(headers)
        if len(self.headers) != len(headers):
            self.headers = _combined(headers)
        self.origin = origin
        self.body: bytes | None = b""
        """None when it was too large to be taken in."""
        self.operation: Operation | None = None
        self.path: tuple[str, ...] = ()
        self.request_id = ""
        self.version: ApiVersion = LATEST
        """Until a valid one is known, answers use the newest shape."""
        self.caller: Caller | None = None
        self.rate: Rate | None = None
        self.idempotency_key = ""
        self.replayed = False
        self.about = ""
        """The saved card that the answer speaks of: the stored answer goes when the card goes."""
        self.reply_until: int | None = None
        """When the answer loses its worth, so that storing it longer would be wrong."""
        self.problem = ""
        """The code of the error that the call ended in, for the log."""

    def header(self, name: bytes) -> str:
        """Give a header's text, or the empty string; bytes beyond ASCII are read as Latin-1 (RFC 9110, 5.5)."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value else ""


def _combined(headers: Headers) -> dict[bytes, bytes]:
    """Join the values of a header that was sent twice (RFC 9110, 5.3): no version, id or secret has a comma in it."""
    combined: dict[bytes, bytes] = {}
    for name, value in headers:
        combined[name] = combined[name] + b", " + value if name in combined else value
    return combined


class Reply:
    """A status, a body and the headers that belong to that body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """Answer `status` with a JSON body."""
        self.status = status
        self.body = body
        self.headers = headers or []
