"""Digests of API secrets, which recognise a secret that is sent again.

The secrets are random and long, so a keyed hash is enough; a slow one would limit a core to a few calls a second. The
key (the pepper) is not in the rows beside the digests, so a stolen table alone verifies no guess.
"""

from __future__ import annotations

import hmac

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys.keyring import Key


def digest(key: Key, secret: Secret[str]) -> bytes:
    """Return the 32 bytes that are stored of a secret."""
    # A header that is not UTF-8 has a digest too; it matches nothing.
    octets = secret.reveal().encode(errors="surrogatepass")
    return hmac.digest(key.material_for(Purpose.API_SECRET), octets, "sha256")
