"""The audit trail and the sealed part of a saved card, read by another library according to the documentation."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from tests.server.keys.reference import framed
from tests.vectors import make_vectors

(TRAIL,) = make_vectors.load("audit.json")
(INSTRUMENT,) = make_vectors.load("instrument.json")


@pytest.mark.parametrize("link", TRAIL["entries"], ids=lambda link: f"entry {link['sequence']}")
def test_an_entry_hashes_to_what_stands_beside_it(link: dict[str, Any]) -> None:
    position = (TRAIL["vault_id"].encode(), TRAIL["chain"].encode(), link["sequence"].to_bytes(8, "big"))
    hashed = framed(b"tokenvault audit entry v1", *position, bytes.fromhex(link["previous"]), link["entry"].encode())
    assert hashlib.sha256(hashed).hexdigest() == link["hash"]


def test_entries_are_chained() -> None:
    assert TRAIL["entries"][0]["previous"] == "00" * 32
    previous = [link["previous"] for link in TRAIL["entries"][1:]]
    assert previous == [link["hash"] for link in TRAIL["entries"][:-1]]


def test_an_entry_has_these_names_in_this_order() -> None:
    names = ["at", "action", "actor", "origin", "request_id", "customer_id", "instrument_id", "outcome", "details"]
    assert all(list(json.loads(link["entry"])) == names for link in TRAIL["entries"])


@pytest.mark.parametrize("signed", TRAIL["checkpoints"], ids=["first", "second"])
def test_a_checkpoint_hashes_and_verifies(signed: dict[str, Any]) -> None:
    digest = hashlib.sha256(b"tokenvault audit checkpoint v1\x00" + signed["body"].encode()).digest()
    assert digest.hex() == signed["hash"]
    seed, public = bytes.fromhex(TRAIL["seed"]), bytes.fromhex(signed["public_key"])
    assert ECC.construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw") == public
    eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(digest, bytes.fromhex(signed["signature"]))


def test_a_checkpoint_names_the_one_before_it_and_the_head_it_covers() -> None:
    first, second = (json.loads(signed["body"]) for signed in TRAIL["checkpoints"])
    assert (first["previous"], second["previous"]) == ("00" * 32, TRAIL["checkpoints"][0]["hash"])
    assert second["heads"] == [["mer_01", 3, TRAIL["entries"][2]["hash"]]]


def test_an_anchor_names_its_checkpoint_by_number_and_hash() -> None:
    for number, signed in enumerate(TRAIL["checkpoints"], 1):
        assert json.loads(signed["anchor"]) == {"number": number, "hash": signed["hash"]}


def test_the_sealed_half_of_a_card_is_a_list_by_position() -> None:
    assert msgspec.msgpack.decode(bytes.fromhex(INSTRUMENT["payload"])) == list(INSTRUMENT["fields"].values())


def test_the_first_byte_of_the_sealed_half_says_a_list_of_nine() -> None:
    assert bytes.fromhex(INSTRUMENT["payload"])[0] == 0x90 + 9
