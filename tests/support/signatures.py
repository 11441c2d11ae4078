"""Make `x-client-signature` as Cashfree's published examples do."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {"sha1": hashes.SHA1, "sha256": hashes.SHA256}


def signature(
    public_key: str, client_id: str = "", at: int = 0, algorithm: str = "sha1", *, text: str | None = None
) -> str:
    """Return the header's value for a moment in unix seconds; `text` replaces the signed text."""
    key = serialization.load_pem_public_key(public_key.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    signed_text = f"{client_id}.{at}" if text is None else text
    chosen = ALGORITHMS[algorithm]()
    return base64.b64encode(key.encrypt(signed_text.encode(), OAEP(MGF1(chosen), chosen, None))).decode()
