"""Blind indexes, instrument uids and digests: the same for the same, and nothing to anybody without the key."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from tests.server.keys import reference
from tests.server.keys.fakes import MATERIAL, a_key
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys import api_secrets
from tokenvault_server.keys.blind_index import blind_index, instrument_uid

INDEX = a_key(Purpose.INDEX)
UID = a_key(Purpose.INSTRUMENT_UID)
PEPPER = a_key(Purpose.API_SECRET)
OTHER = bytes(32)


def test_a_blind_index_is_the_hmac_of_its_framed_fields() -> None:
    message = reference.framed(b"\x01", b"mer_1", b"ref")
    assert blind_index(INDEX, "mer_1", "ref") == hmac.new(MATERIAL, message, hashlib.sha256).digest()


def test_a_blind_index_depends_on_key_merchant_and_reference() -> None:
    indexes = {
        blind_index(INDEX, "mer_1", "ref"),
        blind_index(INDEX, "mer_2", "ref"),
        blind_index(INDEX, "mer_1", "fer"),
        blind_index(INDEX, "mer_1r", "ef"),
        blind_index(a_key(Purpose.INDEX, OTHER), "mer_1", "ref"),
    }
    assert len(indexes) == 5
    assert {len(index) for index in indexes} == {32}


def test_the_local_token_service_may_index_too() -> None:
    assert len(blind_index(a_key(Purpose.CARD_INDEX), "", "4895370012003478")) == 32


def test_an_instrument_uid_is_64_hex_digits_of_one_card_at_one_merchant() -> None:
    uid = instrument_uid(UID, "mer_1", "V0010013020315513942420893974")
    assert uid == instrument_uid(UID, "mer_1", "V0010013020315513942420893974")
    assert uid != instrument_uid(UID, "mer_2", "V0010013020315513942420893974")
    assert len(bytes.fromhex(uid)) == 32


def test_a_digest_is_the_hmac_of_a_secret() -> None:
    expected = hmac.new(MATERIAL, b"cfsk_live_1", hashlib.sha256).digest()
    assert api_secrets.digest(PEPPER, Secret("cfsk_live_1")) == expected


def test_a_digest_depends_on_key_and_secret() -> None:
    other = a_key(Purpose.API_SECRET, OTHER)
    digests = {api_secrets.digest(key, Secret(text)) for key in (PEPPER, other) for text in ("cfsk_live_1", "")}
    assert len(digests) == 4


def test_a_header_that_is_not_text_has_a_digest_of_its_own() -> None:
    assert api_secrets.digest(PEPPER, Secret("cfsk\udcff")) != api_secrets.digest(PEPPER, Secret("cfsk"))


def test_a_key_for_another_purpose_makes_no_value() -> None:
    with pytest.raises(KeyUnavailableError):
        blind_index(UID, "mer_1", "ref")
    with pytest.raises(KeyUnavailableError):
        instrument_uid(INDEX, "mer_1", "ref")
    with pytest.raises(KeyUnavailableError):
        api_secrets.digest(INDEX, Secret("cfsk_live_1"))
