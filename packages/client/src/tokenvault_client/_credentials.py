"""The credentials of a caller. The API accepts four pairs, of which a client has exactly one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tokenvault_client import _arguments as arguments
from tokenvault_client._headers import Headers, check_header
from tokenvault_client._secrets import Secret, hides_locals
from tokenvault_client.errors import UsageError
from tokenvault_contract import headers as names

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Authenticator = Callable[[], Headers]
"""Returns the headers that authenticate one call."""


@hides_locals
def authenticator(
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    client_public_key: str | bytes | None = None,
    partner_api_key: str | None = None,
    partner_merchant_id: str | None = None,
) -> Authenticator:
    """Return the function that authenticates calls.

    Raises:
        UsageError: The arguments that are not None are not one of the four pairs.
    """
    values = {
        "client_id": client_id,
        "client_secret": client_secret,
        "client_public_key": client_public_key,
        "partner_api_key": partner_api_key,
        "partner_merchant_id": partner_merchant_id,
    }
    present = {name for name, value in values.items() if value is not None}
    if present == {"client_id", "client_public_key"}:
        return _SigningAuthenticator(arguments.text("client_id", client_id), _rsa_key(client_public_key))
    if present not in _CONSTANT_PAIRS:
        pairs = "; ".join(" and ".join(sorted(pair)) for pair in _ALL_PAIRS)
        raise UsageError(
            f"pass one pair of credentials: {pairs}. from_env() takes CASHFREE_CLIENT_ID, CASHFREE_CLIENT_SECRET and "
            "the like"
        )
    headers = tuple(
        (header, arguments.text(name, values[name])) for name, header in _HEADERS.items() if name in present
    )
    for name, value in headers:
        check_header(name, value)
    return Secret(headers).reveal


_HEADERS: Final = {
    "client_id": names.CLIENT_ID,
    "client_secret": names.CLIENT_SECRET,
    "partner_api_key": names.PARTNER_API_KEY,
    "partner_merchant_id": names.PARTNER_MERCHANT_ID,
}
_CONSTANT_PAIRS: Final = (
    {"client_id", "client_secret"},
    {"client_id", "partner_api_key"},
    {"partner_merchant_id", "partner_api_key"},
)
_ALL_PAIRS: Final = (*_CONSTANT_PAIRS, {"client_id", "client_public_key"})


class _SigningAuthenticator:
    """Signs each call. A signature contains its time, and is accepted for ten minutes.

    The public key is a secret as well: it is all that a signature needs.
    """

    def __init__(self, client_id: str, key: RSAPublicKey) -> None:
        check_header(names.CLIENT_ID, client_id)
        self._client_id = client_id
        self._key = Secret(key)

    def __call__(self) -> Headers:
        signature = _signature(self._client_id, self._key.reveal(), int(time.time()))
        return (names.CLIENT_ID, self._client_id), (names.CLIENT_SIGNATURE, signature)


def _signature(client_id: str, key: RSAPublicKey, at: int) -> str:
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA1

    from tokenvault_contract.signatures import client_signature_text

    # Cashfree specifies SHA-1. OAEP does not need a collision-resistant hash.
    padding = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303
    return b64encode(key.encrypt(client_signature_text(client_id, at), padding)).decode()


def _rsa_key(public_key: object) -> RSAPublicKey:
    pem = public_key if isinstance(public_key, bytes) else arguments.text("client_public_key", public_key).encode()
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise UsageError("signing needs the extra: tokenvault-client[signature]") from error
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise UsageError("client_public_key is not a PEM public key") from error
    if not isinstance(key, RSAPublicKey):
        raise UsageError("client_public_key must be an RSA key")
    return key
