"""The headers that a caller adds to calls: which names are allowed, and which argument sets the others.

A header is of one of three kinds. A free header, for a gateway or for tracing, is sent. A header that the client sets
itself would be sent twice. A header that frames the message would make the server read another request than the client
sent, and the next call on the same connection would receive the wrong answer. The client rejects the last two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tokenvault_client import _arguments as arguments
from tokenvault_client._secrets import Secret
from tokenvault_client.errors import UsageError
from tokenvault_contract import headers as names

Headers = tuple[tuple[str, str], ...]

_ARGUMENTS: Final = {
    names.API_VERSION: "pass api_version",
    names.REQUEST_ID: "pass request_id",
    names.IDEMPOTENCY_KEY: "pass idempotency_key",
    names.CLIENT_ID: "pass client_id",
    names.CLIENT_SECRET: "pass client_secret",
    names.CLIENT_SIGNATURE: "pass client_public_key",
    names.PARTNER_API_KEY: "pass partner_api_key",
    names.PARTNER_MERCHANT_ID: "pass partner_merchant_id",
    "host": "pass base_url",
    "connection": "pass transport",
    "keep-alive": "pass transport",
    "proxy-authorization": "pass transport",
    "proxy-connection": "pass transport",
}
_IGNORED: Final = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})
_HARMLESS_CONNECTION: Final = frozenset({"close", "keep-alive"})


def check_header(name: object, value: object) -> None:
    """Check that a header is printable ASCII. Other characters could end the header early or change in transit.

    Raises:
        UsageError: The name or the value is empty, or contains other characters.
    """
    if not (isinstance(name, str) and name.isascii() and name.isprintable() and name):
        raise UsageError("the name of a header must be printable ASCII, and not empty")
    if not (isinstance(value, str) and value.isascii() and value.isprintable() and value.strip()):
        raise UsageError(f"the header {name} must be a string of printable ASCII, and not empty")


def additional_headers(headers: Any) -> Secret[Headers]:  # noqa: ANN401  # an unchecked argument
    """Return the headers that a caller adds to all calls, with names in lower case.

    Raises:
        UsageError: This is no mapping, or a header is invalid or not free.
    """
    if headers is None:
        return Secret(())
    if not isinstance(headers, Mapping):
        raise UsageError("headers must be a mapping of strings to strings")
    checked: dict[str, str] = {}
    for name, value in headers.items():
        check_header(name, value)
        if not names.is_free(name):
            raise UsageError(_reason(name))
        if name.lower() in checked:
            raise UsageError(f"headers must not contain {name.lower()} twice")
        checked[name.lower()] = arguments.text(name, value)
    return Secret(tuple(checked.items()))


def official_headers(headers: Mapping[Any, Any], own: frozenset[str]) -> dict[str, str]:
    """Return the headers that a caller of the official SDK's methods adds, with names in lower case.

    The SDK accepts any header. Those that are harmless pass. Those that the client sets itself are left out, and so is
    a `connection` header that names no other header.

    Args:
        headers: The headers.
        own: The names that the caller of this function handles itself. They pass.

    Raises:
        UsageError: A header is invalid, or frames the message.
    """
    checked: dict[str, str] = {}
    for name, value in headers.items():
        check_header(name, value)
        lower = name.lower()
        if lower in own:
            checked[lower] = arguments.text(lower, value)
        elif lower in _IGNORED or (lower == "connection" and value.strip().lower() in _HARMLESS_CONNECTION):
            continue
        elif names.is_reserved(name) or not names.is_token(name):
            raise UsageError(f"_headers must not contain {lower}: the client sets it, or it changes the request")
        else:
            checked[lower] = arguments.text(lower, value)
    return checked


def _reason(name: str) -> str:
    canonical = names.canonical_name(name)
    if advice := _ARGUMENTS.get(canonical):
        return f"headers must not contain {name}: {advice}"
    if names.is_reserved(name):
        return f"headers must not contain {name}: the client sets it, or it changes the request"
    return f"headers must not contain {name}: only x- names and {', '.join(sorted(names.FREE))} may be added"
