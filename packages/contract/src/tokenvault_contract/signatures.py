"""What is signed between the two ends: `x-client-signature` on calls, `x-webhook-signature` on notifications.

The first is base64(RSA-OAEP(the merchant's public key, client id + "." + unix seconds)). It carries no nonce, so it
can be used again until its time is over, and whoever holds the public key can make one. Here is the text that is
encrypted, without the encryption.

The second is base64(HMAC-SHA-256(client secret, timestamp + body)), with nothing in between: the dot in the pseudo code
of Cashfree's page is PHP joining strings, and its SDKs join without one.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Final, NamedTuple

LIFETIME_SECONDS: Final = 600
"""How long a signature is accepted."""
SKEW_SECONDS: Final = 60
"""How far a caller's clock may be ahead."""

_MAX_DIGITS: Final = 12


class Signed(NamedTuple):
    """What a signature says."""

    client_id: str
    at: int
    """Unix seconds."""

    def is_current(self, now: int) -> bool:
        """Tells whether it is accepted at a moment, in unix seconds."""
        return -SKEW_SECONDS <= now - self.at <= LIFETIME_SECONDS


def message(client_id: str, at: int) -> bytes:
    """Gives the text to encrypt."""
    return f"{client_id}.{at}".encode()


def read(text: bytes) -> Signed | None:
    """Gives what a decrypted text says, or None if it is not of this form."""
    client_id, dot, at = text.decode("latin-1").rpartition(".")
    if not dot or not (at.isascii() and at.isdigit()) or len(at) > _MAX_DIGITS:
        return None
    return Signed(client_id, int(at))


def of_webhook(secret: str, timestamp: str, body: bytes) -> str:
    """Gives the signature of a notification; `timestamp` is the text of its header, `body` the bytes as they travel."""
    return b64encode(hmac.digest(secret.encode(), timestamp.encode() + body, "sha256")).decode()
