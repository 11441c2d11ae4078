"""The code produces our vectors and another library reads them; our code passes published vectors."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from tests.server.keys import reference
from tests.vectors import make_vectors
from tests.vectors.make_vectors import a_key
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys import api_secrets, signing
from tokenvault_server.keys.envelope import RecordLocation, key_id_of, open_sealed


def ours(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = make_vectors.load(name)
    return vectors


def published(algorithm: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in make_vectors.load("published.json")[algorithm]["cases"]]


@pytest.mark.parametrize("name", sorted(make_vectors.MAKERS))
def test_the_vectors_are_what_the_script_makes(name: str) -> None:
    assert ours(name) == json.loads(make_vectors.text_of(name))


@pytest.mark.parametrize("vector", ours("envelope.json"), ids=lambda vector: vector["name"])
def test_a_sealed_record_opens_with_ours_and_with_another_library(vector: dict[str, Any]) -> None:
    material, sealed = bytes.fromhex(vector["key"]), bytes.fromhex(vector["sealed"])
    location, payload = RecordLocation(**vector["place"]), bytes.fromhex(vector["payload"])
    assert key_id_of(sealed) == vector["key_id"]
    assert open_sealed(a_key(Purpose.RECORD, material, key_id=vector["key_id"]), location, sealed) == payload
    assert reference.open_record(material, location, sealed) == payload
    assert reference.data_key(material, location, sealed).hex() == vector["data_key"]


@pytest.mark.parametrize("vector", ours("wrapped_key.json"), ids=lambda vector: vector["name"])
def test_a_wrapped_key_unwraps_with_another_library(vector: dict[str, Any]) -> None:
    context, wrapped = vector["context"], bytes.fromhex(vector["wrapped"])
    texts = (context["vault_id"].encode(), context["purpose"].encode(), context["owner"].encode())
    associated = reference.framed(*texts, context["version"].to_bytes(4, "big"))
    assert associated.hex() == vector["associated"]
    opened = reference.gcm_open(bytes.fromhex(vector["master_key"]), wrapped[5:17], wrapped[17:], associated)
    assert opened.hex() == vector["material"]


@pytest.mark.parametrize("vector", ours("check_value.json"), ids=lambda vector: f"{len(vector['key']) * 4} bits")
def test_a_check_value_is_the_same_with_another_library(vector: dict[str, Any]) -> None:
    key = bytes.fromhex(vector["key"])
    aes_key = key if len(key) in {16, 24, 32} else hashlib.sha256(key).digest()
    mac = reference.cmac(aes_key, b"tokenvault key check value v1")
    assert mac[:3].hex() == vector["check_value"]


@pytest.mark.parametrize("case", published("aes_gcm"))
def test_our_ciphers_are_aes_256_gcm(case: dict[str, str]) -> None:
    aead = a_key(Purpose.RECORD, bytes.fromhex(case["key"])).aead
    assert aead is not None
    nonce, associated = bytes.fromhex(case["nonce"]), bytes.fromhex(case["associated"])
    assert aead.encrypt(nonce, bytes.fromhex(case["plain"]), associated).hex() == case["sealed"]
    assert aead.decrypt(nonce, bytes.fromhex(case["sealed"]), associated).hex() == case["plain"]


@pytest.mark.parametrize("case", published("aes_cmac"))
def test_check_values_are_made_of_aes_cmac(case: dict[str, str]) -> None:
    key, message = bytes.fromhex(case["key"]), bytes.fromhex(case["message"])
    mac = CMAC(AES(key))
    mac.update(message)
    assert mac.finalize().hex() == reference.cmac(key, message).hex() == case["mac"]


@pytest.mark.parametrize("case", published("hmac_sha256"))
def test_digests_of_api_secrets_are_hmac_sha_256(case: dict[str, str]) -> None:
    key = a_key(Purpose.API_SECRET, bytes.fromhex(case["key"]))
    assert api_secrets.digest(key, Secret(case["text"])).hex() == case["mac"]


@pytest.mark.parametrize("case", published("ed25519"))
def test_signatures_are_ed25519(case: dict[str, str]) -> None:
    key, message = a_key(Purpose.AUDIT, bytes.fromhex(case["seed"])), bytes.fromhex(case["message"])
    assert signing.public_key(key).hex() == case["public"]
    assert signing.sign(key, message).hex() == case["signature"]
    assert signing.verify(bytes.fromhex(case["public"]), message, bytes.fromhex(case["signature"]))
