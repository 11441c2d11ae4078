"""Our derivations and cryptograms are bit for bit the same as those of a second implementation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import make_cryptogram_vectors as reference
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.tsp.local import cryptogram
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.derivation import IssuerMasterKey, application_cryptogram, session_key
from tokenvault_server.tsp.provider import Amount

VECTORS = json.loads(reference.FILE.read_text())

# Computed once with two libraries before this code existed: token 4895370012003478, PSN 00, ATC 1, data 00..1f.
KNOWN = {
    16: ("9b8d6a003978f34e5f557150a9094e14", "7fe9631ac61b13ed628388215f000988", "1174710ac92a2da5"),
    32: (
        "896b464ba2e9742340cb24515e7b6e12c41e54e09af263d636950709372c4a99",
        "dc99befe8ee46e3392cb609d7be4b69e5d14be5a46e9c6601966196338b72ac9",
        "c532593a80fdbb13",
    ),
}

token_pans = st.from_regex(r"[0-9]{14,19}", fullmatch=True)
master_keys = st.sampled_from((16, 24, 32)).flatmap(lambda size: st.binary(min_size=size, max_size=size))
counters = st.integers(1, 65_535)


def subject_and_claims(fields: dict[str, Any]) -> tuple[Subject, Claims]:
    amount = Amount(fields["minor_units"], fields["currency"]) if fields["flags"] & cryptogram.AMOUNT_BOUND else None
    subject = Subject(
        NetworkToken(fields["token_pan"]), fields["token_expiry_yymm"], fields["trid"], fields["merchant_id"], amount
    )
    number = bytes.fromhex(fields["unpredictable_number"])
    return subject, Claims(fields["key_index"], fields["atc"], number, fields["flags"], fields["issue_minute"])


@pytest.mark.parametrize("size", KNOWN)
def test_known_values_are_derived(size: int) -> None:
    master_key = IssuerMasterKey(bytes(range(size))).token_master_key("4895370012003478", 0)
    key = session_key(master_key, 1)
    code = application_cryptogram(key, bytes(range(32)))
    assert (master_key.hex(), key.hex(), code.hex()) == KNOWN[size]


def test_the_vectors_are_what_their_generator_writes() -> None:
    assert reference.FILE.read_text() == reference.text()


def test_every_derivation_vector_is_reproduced() -> None:
    for vector in VECTORS["derivations"]:
        imk = IssuerMasterKey(bytes.fromhex(vector["imk"]))
        master_key = imk.token_master_key(vector["token_pan"], vector["psn"])
        key = session_key(master_key, vector["atc"])
        assert master_key.hex() == vector["master_key"]
        assert key.hex() == vector["session_key"]
        assert application_cryptogram(key, bytes.fromhex(vector["data"])).hex() == vector["code"]


def test_every_cryptogram_vector_is_reproduced() -> None:
    for vector in VECTORS["cryptograms"]:
        subject, claims = subject_and_claims(vector)
        assert cryptogram.mac_input(subject, claims).hex() == vector["mac_input"]
        code = cryptogram.code(IssuerMasterKey(bytes.fromhex(vector["imk"])), vector["psn"], subject, claims)
        assert cryptogram.encode(claims, code) == vector["cryptogram"]


def test_the_code_authenticates_46_bytes() -> None:
    for vector in VECTORS["cryptograms"]:
        assert len(cryptogram.mac_input(*subject_and_claims(vector))) == 46


@given(master_keys, token_pans, st.integers(0, 99), counters, st.binary(max_size=64))
def test_a_second_implementation_agrees(imk: bytes, token_pan: str, psn: int, atc: int, data: bytes) -> None:
    master_key = IssuerMasterKey(imk).token_master_key(token_pan, psn)
    assert master_key == reference.token_master_key(imk, token_pan, psn)
    key = session_key(master_key, atc)
    assert key == reference.session_key(master_key, atc)
    assert application_cryptogram(key, data) == reference.application_cryptogram(key, data)


def test_one_key_object_serves_many_tokens() -> None:
    imk = IssuerMasterKey(bytes(32))
    first = imk.token_master_key("4999990123456784", 0)
    imk.token_master_key("5599990123456784", 0)
    assert imk.token_master_key("4999990123456784", 0) == first
