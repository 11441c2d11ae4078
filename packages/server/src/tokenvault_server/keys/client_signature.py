"""RSA pairs for `x-client-signature`: the merchant encrypts with the public half, the vault opens with the private one.

The scheme is the one that Cashfree publishes for its payouts: RSA-OAEP (RFC 8017, 7.1) over 2048 bits. Its examples pad
with SHA-1 and MGF1 over SHA-1 ("RSA/ECB/OAEPWithSHA-1AndMGF1Padding"); SHA-256 in both places is accepted as well. OAEP
needs no collision resistance of its hash, so the weakness of this scheme is not SHA-1 but that its key is public.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

from tokenvault_server.domain.secret import Secret

BITS: Final = 2048
_BYTES: Final = BITS // 8
_REPLACEMENT: Final = (2).to_bytes(_BYTES)

_PADDINGS: Final = tuple(
    OAEP(mgf=MGF1(algorithm), algorithm=algorithm, label=None)
    for algorithm in (hashes.SHA1(), hashes.SHA256())  # noqa: S303  # Cashfree's choice; see above
)


class Pair(NamedTuple):
    """A new pair: the vault keeps the private half, the merchant gets the public one."""

    private: Secret[bytes]
    """PKCS #8, DER."""
    public: str
    """SubjectPublicKeyInfo, PEM."""


def new_pair() -> Pair:
    """Make a pair."""
    private = rsa.generate_private_key(65_537, BITS)
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Pair(Secret(der), pem.decode())


def opened(private: Secret[bytes], signature: bytes) -> list[bytes]:
    """Return the texts of a signature, in either padding; none if it is not for this private half.

    It takes 1.3 ms, and lets other threads run meanwhile.

    Both paddings are always tried. A signature that is too long, or too large a number for this key, is replaced by a
    fixed one. So the time shows neither the padding, nor whether it was right, nor whose key was tried.
    """
    # The key was checked when it was made, and its check value since; checking the primes again would cost 50 ms.
    loaded = serialization.load_der_private_key(private.reveal(), None, unsafe_skip_rsa_key_validation=True)
    key = cast("rsa.RSAPrivateKey", loaded)
    fits = len(signature) == _BYTES and int.from_bytes(signature) < key.public_key().public_numbers().n
    texts = [_opened(key, padding, signature if fits else _REPLACEMENT) for padding in _PADDINGS]
    return [text for text in texts if text is not None and fits]


def _opened(key: rsa.RSAPrivateKey, padding: OAEP, signature: bytes) -> bytes | None:
    try:
        return key.decrypt(signature, padding)
    except ValueError:
        return None
