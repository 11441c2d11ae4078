"""A sealed record opens at its location, under its key, unaltered, and nowhere else."""

from __future__ import annotations

import pytest

from tests.server.keys import reference
from tests.server.keys.fakes import LOCATION, MATERIAL, a_key
from tokenvault_server.domain.keys import KeyState, Purpose
from tokenvault_server.errors import KeyUnavailableError, SealBrokenError
from tokenvault_server.keys.envelope import OVERHEAD, RecordLocation, key_id_of, open_sealed, seal
from tokenvault_server.keys.keyring import SEALING

PAYLOAD = b"4895370012003478"
OTHER_MATERIAL = bytes(reversed(MATERIAL))


@pytest.mark.parametrize("purpose", SEALING)
def test_a_record_opens_where_it_was_sealed(purpose: Purpose) -> None:
    key = a_key(purpose)
    assert open_sealed(key, LOCATION, seal(key, LOCATION, PAYLOAD)) == PAYLOAD


@pytest.mark.parametrize("size", [0, 1, 220, 70_000])
def test_a_record_is_94_bytes_longer_than_its_payload(size: int) -> None:
    assert len(seal(a_key(), LOCATION, bytes(size))) == size + OVERHEAD == size + 94


def test_a_record_says_its_format_its_suite_and_its_key() -> None:
    sealed = seal(a_key(key_id=0xFEDCBA98), LOCATION, PAYLOAD)
    assert sealed[:6].hex() == "0101fedcba98"
    assert key_id_of(sealed) == 0xFEDCBA98


def test_another_library_opens_our_records() -> None:
    assert reference.open_record(MATERIAL, LOCATION, seal(a_key(), LOCATION, PAYLOAD)) == PAYLOAD


def test_we_open_another_librarys_records() -> None:
    sealed = reference.seal_record(MATERIAL, 7, LOCATION, PAYLOAD, bytes(range(56)))
    assert open_sealed(a_key(), LOCATION, sealed) == PAYLOAD


def test_a_record_does_not_open_under_other_material() -> None:
    sealed = seal(a_key(), LOCATION, PAYLOAD)
    with pytest.raises(SealBrokenError):
        open_sealed(a_key(material=OTHER_MATERIAL), LOCATION, sealed)


def test_a_record_does_not_open_under_another_key_id() -> None:
    sealed = seal(a_key(key_id=7), LOCATION, PAYLOAD)
    with pytest.raises(SealBrokenError) as caught:
        open_sealed(a_key(key_id=8), LOCATION, sealed)
    assert "names key 7" in caught.value.hint


def test_a_key_id_that_was_rewritten_in_the_record_does_not_open() -> None:
    sealed = seal(a_key(key_id=7), LOCATION, PAYLOAD)
    forged = sealed[:2] + (8).to_bytes(4, "big") + sealed[6:]
    with pytest.raises(SealBrokenError):
        open_sealed(a_key(key_id=8), LOCATION, forged)


@pytest.mark.parametrize("head", [b"\x00\x01", b"\x02\x01", b"\x01\x02"])
def test_a_format_that_we_do_not_know_says_so(head: bytes) -> None:
    sealed = head + seal(a_key(), LOCATION, PAYLOAD)[2:]
    with pytest.raises(SealBrokenError) as caught:
        open_sealed(a_key(), LOCATION, sealed)
    assert "newer version" in caught.value.hint


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01\x01\x00\x00\x00\x07", bytes(93)])
def test_bytes_shorter_than_any_record_are_not_one(sealed: bytes) -> None:
    with pytest.raises(SealBrokenError):
        key_id_of(sealed)
    with pytest.raises(SealBrokenError):
        open_sealed(a_key(), LOCATION, sealed)


def test_text_cannot_slide_from_one_field_to_the_next() -> None:
    sealed = seal(a_key(), LOCATION._replace(merchant_id="mer_1", customer_id="23"), PAYLOAD)
    with pytest.raises(SealBrokenError):
        open_sealed(a_key(), LOCATION._replace(merchant_id="mer_12", customer_id="3"), sealed)


@pytest.mark.parametrize(
    "location",
    [
        pytest.param(LOCATION._replace(row_version=-1), id="negative"),
        pytest.param(LOCATION._replace(schema_version=2**32), id="too large"),
        pytest.param(LOCATION._replace(customer_id="c" * 65_536), id="too long"),
        pytest.param(LOCATION._replace(customer_id="\ud800"), id="not text"),
    ],
)
def test_a_location_that_cannot_be_encoded_opens_nothing(location: RecordLocation) -> None:
    sealed = seal(a_key(), LOCATION, PAYLOAD)
    with pytest.raises(SealBrokenError):
        open_sealed(a_key(), location, sealed)


def test_a_retired_key_opens_but_does_not_seal() -> None:
    sealed = seal(a_key(), LOCATION, PAYLOAD)
    retired = a_key(state=KeyState.DECRYPT_ONLY)
    assert open_sealed(retired, LOCATION, sealed) == PAYLOAD
    with pytest.raises(KeyUnavailableError):
        seal(retired, LOCATION, PAYLOAD)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose not in SEALING])
def test_a_key_for_another_purpose_neither_seals_nor_opens(purpose: Purpose) -> None:
    sealed = seal(a_key(), LOCATION, PAYLOAD)
    with pytest.raises(KeyUnavailableError):
        seal(a_key(purpose), LOCATION, PAYLOAD)
    with pytest.raises(KeyUnavailableError):
        open_sealed(a_key(purpose), LOCATION, sealed)


def test_no_nonce_and_no_data_key_is_used_twice() -> None:
    key, count = a_key(), 5_000
    records = [seal(key, LOCATION, PAYLOAD) for _ in range(count)]
    assert len({record[6:18] for record in records}) == count
    assert len({record[66:78] for record in records}) == count
    assert len({reference.data_key(MATERIAL, LOCATION, record) for record in records}) == count


def test_an_error_shows_neither_the_payload_nor_the_location() -> None:
    sealed = bytearray(seal(a_key(), LOCATION, PAYLOAD))
    sealed[-1] ^= 1
    with pytest.raises(SealBrokenError) as caught:
        open_sealed(a_key(), LOCATION, bytes(sealed))
    shown = f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert not any(
        text in shown for text in (PAYLOAD.decode(), LOCATION.customer_id, LOCATION.merchant_id, MATERIAL.hex())
    )
