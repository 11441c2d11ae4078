"""Compressed responses. The client requests none, but a proxy may compress a response all the same."""

from __future__ import annotations

from typing import Final

from tokenvault_client._transports import MAX_BODY_BYTES, Response, response_too_long
from tokenvault_client.errors import TransportError

_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""The argument of zlib for each coding (RFC 9110, 8.4.1)."""
_GZIP_START: Final = b"\x1f\x8b"


def decompressed(response: Response) -> Response | TransportError:
    """Return a response with its body decompressed, or an error if the result is longer than the limit.

    A transport of the user may have decompressed it already, and a coding may be unknown. The body then stays as it is.
    """
    import zlib

    coding = response.headers["content-encoding"].strip().lower()
    body = response.body
    if coding not in _WINDOW_BITS or (coding != "deflate" and not body.startswith(_GZIP_START)):
        return response
    decompressor = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        # A small archive can expand to a large one, so the result is bounded.
        plain = decompressor.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        return response
    if len(plain) > MAX_BODY_BYTES:
        return response_too_long()
    headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
    return Response(response.status, headers, plain) if decompressor.eof else response
