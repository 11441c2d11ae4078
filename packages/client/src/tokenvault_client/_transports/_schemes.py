"""What a failure says when one side speaks TLS and the other does not: the scheme of the base URL is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

NO_TLS: Final = "the server speaks plain http on this port: use http:// in base_url, or the port of https"
"""For a call of https that a server answers without TLS."""
TLS: Final = "the server speaks TLS on this port: use https:// in base_url"
"""For a call of http that a server answers with TLS."""
MAYBE_TLS: Final = "if the server speaks TLS on this port, use https:// in base_url"
"""For a call of http whose answer is no HTTP, where the library does not show the answer."""

_ALERT: Final = b"\x15\x03"
"""The first two bytes of a TLS alert (RFC 8446, 5.1), with which a server answers what is no TLS."""
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "InvalidContentType")
"""The words of OpenSSL and of rustls for an answer that is no TLS record."""


def is_tls(answer: bytes) -> bool:
    """Return whether the first bytes of an answer are TLS instead of HTTP."""
    return answer.startswith(_ALERT)


def is_without_tls(error: object) -> bool:
    """Return whether a TLS handshake failed because the server's answer is no TLS."""
    return any(words in each for each in _messages(error) for words in _NOT_TLS)


def _messages(error: object) -> Iterator[str]:
    """Yield the texts of an error and of its causes."""
    while error is not None:
        yield str(error)
        error = getattr(error, "__cause__", None)
