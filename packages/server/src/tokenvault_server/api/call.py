"""Requests, calls and replies, as the pipeline sees them: no server, no socket, no framework.

A `Request` is what arrived. It becomes a `Call` when its operation, its ids and its caller are known.

Credentials and bodies are kept as `msgspec.Raw`, which shows nothing to error trackers and debuggers: these look at the
variables of every frame, and at the attributes of what they find there. A `Raw` costs a tenth of a `Secret`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Raw

from tokenvault_contract import headers as names
from tokenvault_server.api.shape import Headers, Shape
from tokenvault_server.domain.secret import Unpicklable

if TYPE_CHECKING:
    from tokenvault_contract.operations import Operation
    from tokenvault_server.api.rate_limits import Rate
    from tokenvault_server.domain.merchant import Caller

_EMPTY: Final = Raw(b"")
INCOMPLETE: Final = b"\x00"
"""Replaces a body whose sender disconnected or was too slow: no operation can parse it."""
JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")
_SECRET: Final = names.CLIENT_SECRET.encode()
_SIGNATURE: Final = names.CLIENT_SIGNATURE.encode()
_PARTNER_KEY: Final = names.PARTNER_API_KEY.encode()
UNROUTED: Final = "unrouted"
"""What metrics and logs name as the operation of a request that no route takes."""


class Request(Unpicklable):
    """One request as it arrived, and what the headers of its answer and its log line say."""

    __slots__ = (
        "client_secret",
        "client_signature",
        "headers",
        "help_note",
        "idempotency_key",
        "merchant_id",
        "method",
        "operation_key",
        "origin",
        "packed_body",
        "partner_key",
        "path",
        "query",
        "rate",
        "raw_path",
        "request_id",
        "shape",
    )

    shape: Shape
    """The form of the answer. `Pipeline.answer` sets it before anything can fail."""

    def __init__(self, method: str, raw_path: bytes, query: bytes, headers: Headers, origin: str) -> None:
        """Take what the application read; the pipeline fills in the rest."""
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.headers = dict(headers)
        if len(self.headers) != len(headers):
            self.headers = _combined(headers)
        # The secret headers, which are in no other attribute; empty where they were not sent.
        self.client_secret = Raw(self.headers.pop(_SECRET, b""))
        self.client_signature = self.partner_key = _EMPTY
        if _SIGNATURE in self.headers or _PARTNER_KEY in self.headers:
            self.client_signature = Raw(self.headers.pop(_SIGNATURE, b""))
            self.partner_key = Raw(self.headers.pop(_PARTNER_KEY, b""))
        self.origin = origin
        self.packed_body: Raw | None = _EMPTY
        """The body; None when it was larger than any body that we read."""
        self.request_id = ""
        self.idempotency_key = ""
        self.operation_key = UNROUTED
        self.path: tuple[str, ...] = ()
        """The decoded ids of the path; none before it is routed."""
        self.merchant_id = ""
        """Empty before the caller is authenticated."""
        self.rate: Rate | None = None
        self.help_note = ""
        """What the help of a 400 and a 404 adds."""

    @property
    def body(self) -> bytes | None:
        """The body; None when it was larger than any body that we read."""
        return None if self.packed_body is None else bytes(self.packed_body)

    @body.setter
    def body(self, body: bytes | None) -> None:
        self.packed_body = None if body is None else Raw(body)

    def __dir__(self) -> list[str]:
        """Leave out the body, for tools that show all attributes."""
        return _without_body(super().__dir__())

    def header(self, name: bytes) -> str:
        """Return a header's text, or the empty string; bytes beyond ASCII are read as Latin-1 (RFC 9110, 5.5)."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value else ""


def text_of(credential: Raw) -> str:
    """Return the text of a secret header; bytes beyond ASCII are read as Latin-1."""
    return bytes(credential).decode("latin-1")


def _without_body(attributes: Iterable[str]) -> list[str]:
    return [name for name in attributes if name != "body"]


def _combined(headers: Headers) -> dict[bytes, bytes]:
    """Join the values of a header that was sent twice (RFC 9110, 5.3): no version, id or secret has a comma in it."""
    combined: dict[bytes, bytes] = {}
    for name, value in headers:
        combined[name] = combined[name] + b", " + value if name in combined else value
    return combined


class Call(Unpicklable):
    """A request that is routed and authenticated: an operation, its ids, and who asks for it."""

    __slots__ = ("_body", "caller", "instrument_id", "operation", "path", "reply_until", "request")

    def __init__(
        self, request: Request, operation: Operation, path: tuple[str, ...], caller: Caller, packed_body: Raw
    ) -> None:
        """Join what the steps of the pipeline found out."""
        self.request = request
        self.operation = operation
        self.path = path
        self.caller = caller
        self._body = packed_body
        self.instrument_id = ""
        """The saved card in the answer: deleting the card deletes the stored answer."""
        self.reply_until: int | None = None
        """When the answer becomes useless, so that it is not stored for longer."""

    @property
    def body(self) -> bytes:
        """The body of the request."""
        return bytes(self._body)

    def __dir__(self) -> list[str]:
        """Leave out the body, for tools that show all attributes."""
        return _without_body(super().__dir__())


class Reply(Unpicklable):
    """A status, a body and the headers that belong to that body."""

    __slots__ = ("code", "headers", "packed_body", "replayed", "size", "status")

    def __init__(
        self, status: int, body: bytes, headers: Headers | None = None, *, code: str = "", replayed: bool = False
    ) -> None:
        """Answer `status` with a JSON body; `code` is that of an error, for the log."""
        self.status = status
        self.packed_body = Raw(body)
        self.size = len(body)
        self.headers = headers or []
        self.code = code
        self.replayed = replayed

    @property
    def body(self) -> bytes:
        """The JSON body. It may hold a cryptogram."""
        return bytes(self.packed_body)

    def __dir__(self) -> list[str]:
        """Leave out the body, for tools that show all attributes."""
        return _without_body(super().__dir__())
