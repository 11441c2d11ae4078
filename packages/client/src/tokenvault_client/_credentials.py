"""Who is calling: four pairs that the API knows, of which a client has exactly one."""

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
SignIn = Callable[[], Headers]
"""Gives the headers that a call signs in with."""


class Credentials(NamedTuple):
    """What may be given; which of the four pairs it is, is told by what is there."""

    client_id: str | None = None
    client_secret: str | None = None
    client_public_key: str | bytes | None = None
    partner_api_key: str | None = None
    partner_merchant_id: str | None = None

    def __repr__(self) -> str:
        """Show which are given, and no value."""
        return f"Credentials({', '.join(f'{name}=***' for name in self._given())})"

    def sign_in(self) -> SignIn:
        """Gives what signs calls in.

        Raises:
            UsageError: This is not one of the four pairs.
        """
        given = set(self._given())
        if given == {"client_id", "client_public_key"}:
            return _signing(str(self.client_id), self.client_public_key or "")
        if given not in _PAIRS:
            raise UsageError(f"give one pair of credentials: {'; '.join(' and '.join(sorted(p)) for p in _ALL)}")
        headers = tuple((_HEADERS[name], str(getattr(self, name))) for name in _HEADERS if name in given)
        for name, value in headers:
            check_header(name, value)
        return lambda: headers

    def _given(self) -> list[str]:
        return [name for name, value in zip(self._fields, self, strict=True) if value is not None]


_HEADERS: Final = {
    "client_id": names.CLIENT_ID,
    "client_secret": names.CLIENT_SECRET,
    "partner_api_key": names.PARTNER_API_KEY,
    "partner_merchant_id": names.PARTNER_MERCHANT_ID,
}
_PAIRS: Final = (
    {"client_id", "client_secret"},
    {"client_id", "partner_api_key"},
    {"partner_merchant_id", "partner_api_key"},
)
_ALL: Final = (*_PAIRS, {"client_id", "client_public_key"})


def _signing(client_id: str, public_key: str | bytes) -> SignIn:
    """Signs each call anew: a signature says when it was made, and is accepted for ten minutes."""
    key = _rsa(public_key)
    check_header(names.CLIENT_ID, client_id)

    def headers() -> Headers:
        return (names.CLIENT_ID, client_id), (names.CLIENT_SIGNATURE, _signature(client_id, key, int(time.time())))

    return headers


def _signature(client_id: str, key: RSAPublicKey, at: int) -> str:
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA1

    from tokenvault_contract.signatures import message

    # SHA-1 is Cashfree's choice; OAEP needs no collision resistance of its hash.
    padding = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303
    return b64encode(key.encrypt(message(client_id, at), padding)).decode()


def _rsa(public_key: str | bytes) -> RSAPublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise UsageError("signing needs the extra: tokenvault-client[signature]") from error
    try:
        key = load_pem_public_key(public_key.encode() if isinstance(public_key, str) else public_key)
    except ValueError as error:
        raise UsageError("client_public_key is not a public key in PEM") from error
    if not isinstance(key, RSAPublicKey):
        raise UsageError("client_public_key must be an RSA key")
    return key
