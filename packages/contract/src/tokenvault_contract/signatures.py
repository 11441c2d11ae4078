"""The texts that are signed on the wire: for `x-client-signature` on calls and `x-webhook-signature` on deliveries.

`x-client-signature` is base64(RSA-OAEP(the merchant's public key, client id + "." + unix seconds)). It contains no
nonce, so it can be used again until it expires, and anyone who holds the public key can create one. This module defines
the plaintext; encryption happens elsewhere.

`x-webhook-signature` is base64(HMAC-SHA-256(client secret, timestamp + body)), without a separator. The dot in the
pseudo code of Cashfree's page is the string concatenation of PHP, and its SDKs use no separator either.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Final, NamedTuple

LIFETIME_SECONDS: Final = 600
"""The time for which a client signature is accepted."""
SKEW_SECONDS: Final = 60
"""The time by which a caller's clock may be ahead."""

_MAX_DIGITS: Final = 12


class ClientSignature(NamedTuple):
    """The content of a client signature."""

    client_id: str
    at: int
    """Unix seconds."""

    def is_current(self, now: int) -> bool:
        """Return whether the signature is accepted at `now`, in unix seconds."""
        return -SKEW_SECONDS <= now - self.at <= LIFETIME_SECONDS


def client_signature_text(client_id: str, at: int) -> bytes:
    """Return the plaintext of a client signature."""
    return f"{client_id}.{at}".encode()


def parse_client_signature(text: bytes) -> ClientSignature | None:
    """Return the content of a decrypted client signature, or None if its form is wrong."""
    client_id, dot, at = text.decode("latin-1").rpartition(".")
    if not dot or not (at.isascii() and at.isdigit()) or len(at) > _MAX_DIGITS:
        return None
    return ClientSignature(client_id, int(at))


def webhook_signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a webhook delivery.

    Args:
        secret: The client secret of the merchant, or a partner's API key.
        timestamp: The text of the `x-webhook-timestamp` header.
        body: The bytes as they are sent.
    """
    return b64encode(hmac.digest(secret.encode(), timestamp.encode() + body, "sha256")).decode()
