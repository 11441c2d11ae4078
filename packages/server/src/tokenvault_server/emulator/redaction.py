"""What may be shown of a call: no card data, no secrets, no cryptograms, whatever operation it is of.

A value is hidden for the name of its field, or because it looks like a card number or one of our API secrets. A body
that is not JSON is hidden whole.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from tokenvault_contract import headers
from tokenvault_server.api.call import Request
from tokenvault_server.telemetry.logs import redact

HIDDEN: Final = "[hidden]"
_SECRET_FIELDS: Final = re.compile(
    r"number|cvv|cvc|expiry|holder|cryptogram|otp|secret|password|token|session|signature|api_?key|\bpar\b|card_par"
    r"|phone|email|vpa|iin|bin|cavv|authentication",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(r"^(card_)?(network|type|sub_type|bank_name|country|display)$")
_SHOWN_HEADERS: Final = frozenset(
    name.encode()
    for name in (
        headers.API_VERSION,
        headers.REQUEST_ID,
        headers.IDEMPOTENCY_KEY,
        headers.CLIENT_ID,
        headers.PARTNER_MERCHANT_ID,
        "content-type",
        "user-agent",
    )
)


def shown_headers(request: Request) -> dict[str, str]:
    """Return the headers of a request that may be shown, by name; credentials appear as hidden."""
    shown = {
        name.decode("latin-1"): redact(value.decode("latin-1"))
        for name, value in request.headers.items()
        if name in _SHOWN_HEADERS
    }
    credentials = {
        headers.CLIENT_SECRET: request.client_secret,
        headers.CLIENT_SIGNATURE: request.client_signature,
        headers.PARTNER_API_KEY: request.partner_key,
    }
    return shown | {name: HIDDEN for name, value in credentials.items() if bytes(value)}


def shown_target(raw: bytes) -> str:
    """Return a path or query as it was sent, or masked if it holds a card number or a secret."""
    text = raw.decode("latin-1")
    masked = redact(text)
    return masked if masked == text and redact(unquote(text)) == unquote(text) else redact(unquote(text))


def shown_body(body: bytes) -> Any:  # noqa: ANN401  # whatever JSON it is
    """Return the value of a JSON body without what must not be shown; None for an empty one."""
    if not body:
        return None
    try:
        return _shown("", msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return HIDDEN


def _shown(name: str, value: Any) -> Any:  # noqa: ANN401
    match value:
        case dict():
            return {redact(str(key)): _shown(str(key), each) for key, each in value.items()}
        case list():
            return [_shown(name, each) for each in value]
        case bool() | None:
            return value
        case _ if _SECRET_FIELDS.search(name) and not _NAMES.match(name):
            return HIDDEN
        case str():
            return redact(value)
        case _:
            text = redact(str(value))
            return value if text == str(value) else text
