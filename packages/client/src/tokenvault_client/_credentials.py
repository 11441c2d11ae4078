"""The credentials of a caller. The API accepts four pairs, of which a client has exactly one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from tokenvault_client._options import check_header
from tokenvault_client.errors import UsageError
from tokenvault_contract import headers as names

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Headers = tuple[tuple[str, str], ...]
Authenticator = Callable[[], Headers]
"""Returns the headers that authenticate one call."""


class Credentials(NamedTuple):
    """The possible credentials. Those that are present determine the pair."""

    client_id: str | None = None
    client_secret: str | None = None
    client_public_key: str | bytes | None = None
    partner_api_key: str | None = None
    partner_merchant_id: str | None = None

    def __repr__(self) -> str:
        """Show which credentials are present, but no value."""
        return f"Credentials({', '.join(f'{name}=***' for name in self._present())})"

    def authenticator(self) -> Authenticator:
        """Return the function that authenticates calls.

        Raises:
            UsageError: These are not one of the four pairs.
        """
        present = set(self._present())
        if present == {"client_id", "client_public_key"}:
            return _signing_authenticator(str(self.client_id), self.client_public_key or "")
        if present not in _CONSTANT_PAIRS:
            raise UsageError(f"pass one pair of credentials: {'; '.join(' and '.join(sorted(p)) for p in _ALL_PAIRS)}")
        headers = tuple((_HEADERS[name], str(getattr(self, name))) for name in _HEADERS if name in present)
        for name, value in headers:
            check_header(name, value)
        return lambda: headers

    def _present(self) -> list[str]:
        return [name for name, value in zip(self._fields, self, strict=True) if value is not None]


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


def _signing_authenticator(client_id: str, public_key: str | bytes) -> Authenticator:
    """Return an authenticator that signs each call: a signature holds its time, and is accepted for ten minutes."""
    key = _rsa_key(public_key)
    check_header(names.CLIENT_ID, client_id)

    def headers() -> Headers:
        return (names.CLIENT_ID, client_id), (names.CLIENT_SIGNATURE, _signature(client_id, key, int(time.time())))

    return headers


def _signature(client_id: str, key: RSAPublicKey, at: int) -> str:
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA1

    from tokenvault_contract.signatures import client_signature_text

    # Cashfree specifies SHA-1. OAEP does not need a collision-resistant hash.
    padding = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303
    return b64encode(key.encrypt(client_signature_text(client_id, at), padding)).decode()


def _rsa_key(public_key: str | bytes) -> RSAPublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise UsageError("signing needs the extra: tokenvault-client[signature]") from error
    try:
        key = load_pem_public_key(public_key.encode() if isinstance(public_key, str) else public_key)
    except ValueError as error:
        raise UsageError("client_public_key is not a PEM public key") from error
    if not isinstance(key, RSAPublicKey):
        raise UsageError("client_public_key must be an RSA key")
    return key
