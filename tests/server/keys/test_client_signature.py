"""RSA pairs for signing in: two paddings, and nothing for whatever does not open."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.signatures import signature
from tokenvault_server.keys import client_signature
from tokenvault_server.keys.client_signature import Pair

TEXT = "CLIENT1.1795337130"


@pytest.fixture(scope="module")
def pair() -> Pair:
    return client_signature.new_pair()


def test_the_public_half_is_rsa_of_2048_bits(pair: Pair) -> None:
    public = serialization.load_pem_public_key(pair.public.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    assert (public.key_size, public.public_numbers().e) == (2048, 65537)


def test_each_pair_is_another(pair: Pair) -> None:
    assert client_signature.new_pair().public != pair.public


def test_a_pair_does_not_show_its_private_half(pair: Pair) -> None:
    assert "****" in repr(pair)
    assert repr(pair.private.reveal()) not in repr(pair)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_signature_in_either_padding_opens(pair: Pair, algorithm: str) -> None:
    sealed = base64.b64decode(signature(pair.public, text=TEXT, algorithm=algorithm))
    assert client_signature.opened(pair.private, sealed) == [TEXT.encode()]


def test_a_flipped_bit_opens_nothing(pair: Pair) -> None:
    sealed = bytearray(base64.b64decode(signature(pair.public, text=TEXT)))
    for offset in (0, 1, 100, 255):
        sealed[offset] ^= 1
        assert client_signature.opened(pair.private, bytes(sealed)) == []
        sealed[offset] ^= 1


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(255), bytes(256), b"\xff" * 256, bytes(257)])
def test_bytes_that_were_never_encrypted_open_nothing(pair: Pair, sealed: bytes) -> None:
    assert client_signature.opened(pair.private, sealed) == []
