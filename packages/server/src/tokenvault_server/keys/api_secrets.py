"""Digests of API secrets: what is kept to recognise a secret that is sent again.

The secrets are random and long, so a keyed hash is enough; a slow one would cap a core at a few calls a second. The key
(the pepper) is not in the rows beside the digests, so a stolen table alone verifies no guess.
"""

from __future__ import annotations

import hmac

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys.keyring import Key


def digest(key: Key, secret: Secret[str]) -> bytes:
    """The 32 bytes that are kept of a secret."""
    # Whatever came in a header has a digest; it just matches nothing.
    octets = secret.reveal().encode(errors="surrogatepass")
    return hmac.digest(key.material_for(Purpose.API_SECRET), octets, "sha256")


def matches(key: Key, secret: Secret[str], expected: bytes) -> bool:
    """Whether `expected` is the digest of this secret, told in the same time for every answer."""
    return hmac.compare_digest(digest(key, secret), expected)
