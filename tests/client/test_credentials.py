"""The four pairs of credentials: which are a pair, what they send, and that a vault accepts what a client signs."""

from __future__ import annotations

import time
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

from tokenvault_client import UsageError
from tokenvault_client._credentials import Credentials
from tokenvault_contract.signatures import read

PRIVATE = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
OAEP_SHA1 = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        (Credentials(client_id="c", client_secret="s"), {"x-client-id": "c", "x-client-secret": "s"}),
        (Credentials(client_id="c", partner_api_key="p"), {"x-client-id": "c", "x-partner-apikey": "p"}),
        (
            Credentials(partner_merchant_id="m", partner_api_key="p"),
            {"x-partner-merchantid": "m", "x-partner-apikey": "p"},
        ),
    ],
    ids=repr,
)
def test_a_pair_is_sent_as_it_is(credentials: Credentials, headers: dict[str, str]) -> None:
    assert dict(credentials.sign_in()()) == headers


def test_a_signature_says_who_and_when_to_the_holder_of_the_private_key() -> None:
    headers = dict(Credentials(client_id="c", client_public_key=PEM.decode()).sign_in()())
    signed = read(PRIVATE.decrypt(b64decode(headers["x-client-signature"]), OAEP_SHA1))
    assert headers["x-client-id"] == "c"
    assert signed
    assert signed.client_id == "c"
    assert signed.is_current(int(time.time()))


def test_each_call_is_signed_anew() -> None:
    sign_in = Credentials(client_id="c", client_public_key=PEM).sign_in()
    assert sign_in() != sign_in()


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials(client_id="c"),
        Credentials(client_secret="s"),
        Credentials(partner_api_key="p"),
        Credentials(client_id="c", partner_merchant_id="m"),
        Credentials(client_id="c", client_secret="s", partner_api_key="p"),
        Credentials(client_id="c", client_secret="s", client_public_key=PEM),
    ],
    ids=repr,
)
def test_anything_but_one_pair_is_refused(credentials: Credentials) -> None:
    with pytest.raises(UsageError, match="one pair of credentials"):
        credentials.sign_in()


@pytest.mark.parametrize("secret", ["", "a\nb", "é"])
def test_a_secret_that_cannot_be_a_header_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(UsageError, match="x-client-secret must be") as refused:
        Credentials(client_id="c", client_secret=secret).sign_in()
    assert not secret or secret not in str(refused.value)


def test_only_a_public_rsa_key_signs() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = curve.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in (pem, b"", "no key"):
        with pytest.raises(UsageError, match="key"):
            Credentials(client_id="c", client_public_key=key).sign_in()


def test_credentials_show_which_and_not_what() -> None:
    assert repr(Credentials(client_id="c", client_secret="hush")).count("hush") == 0
