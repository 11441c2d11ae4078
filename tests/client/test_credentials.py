"""The four pairs of credentials: which combinations are a pair, and which headers they send."""

from __future__ import annotations

import time
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

from tokenvault_client import UsageError
from tokenvault_client._credentials import authenticator
from tokenvault_contract.signatures import parse_client_signature

PRIVATE = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
OAEP_SHA1 = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        ({"client_id": "c", "client_secret": "s"}, {"x-client-id": "c", "x-client-secret": "s"}),
        ({"client_id": "c", "partner_api_key": "p"}, {"x-client-id": "c", "x-partner-apikey": "p"}),
        (
            {"partner_merchant_id": "m", "partner_api_key": "p"},
            {"x-partner-merchantid": "m", "x-partner-apikey": "p"},
        ),
    ],
    ids=str,
)
def test_a_pair_is_sent_unchanged(credentials: dict[str, str], headers: dict[str, str]) -> None:
    assert dict(authenticator(**credentials)()) == headers


def test_the_private_key_opens_the_client_id_and_time_of_a_signature() -> None:
    headers = dict(authenticator(client_id="c", client_public_key=PEM.decode())())
    signed = parse_client_signature(PRIVATE.decrypt(b64decode(headers["x-client-signature"]), OAEP_SHA1))
    assert headers["x-client-id"] == "c"
    assert signed
    assert signed.client_id == "c"
    assert signed.is_current(int(time.time()))


def test_each_call_has_its_own_signature() -> None:
    authenticate = authenticator(client_id="c", client_public_key=PEM)
    assert authenticate() != authenticate()


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"client_id": "c"},
        {"client_secret": "s"},
        {"partner_api_key": "p"},
        {"client_id": "c", "partner_merchant_id": "m"},
        {"client_id": "c", "client_secret": "s", "partner_api_key": "p"},
        {"client_id": "c", "client_secret": "s", "client_public_key": "k"},
    ],
    ids=str,
)
def test_any_other_combination_is_rejected(credentials: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="one pair of credentials"):
        authenticator(**credentials)


@pytest.mark.parametrize("secret", ["", "a\nb", "é"])
def test_a_secret_that_is_not_a_valid_header_is_rejected_and_not_shown(secret: str) -> None:
    with pytest.raises(UsageError, match="x-client-secret must be") as rejected:
        authenticator(client_id="c", client_secret=secret)
    assert not secret or secret not in str(rejected.value)


def test_a_key_that_is_not_a_public_rsa_key_is_rejected() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in (pem, b"", "no key"):
        with pytest.raises(UsageError, match="key"):
            authenticator(client_id="c", client_public_key=key)
