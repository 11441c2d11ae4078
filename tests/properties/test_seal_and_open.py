"""A sealed record opens in its location; an altered, shortened, extended or moved one does not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.server.keys import reference
from tests.server.keys.fakes import LOCATION, MATERIAL, a_key
from tests.support.effort import effort
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError, SealBrokenError
from tokenvault_server.keys.envelope import RecordLocation, open_sealed, seal
from tokenvault_server.keys.fields import framed
from tokenvault_server.keys.kek import KeyContext
from tokenvault_server.keys.providers import wrapping

settings.register_profile("keys", deadline=None, max_examples=effort(30, 2_000))  # a shared machine has no deadlines
often = settings(settings.get_profile("keys"))

KEY = a_key()
HEADER = wrapping.header(wrapping.KEY_FILE, 1)
MASTERS = {HEADER: AESGCM(MATERIAL)}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
locations = st.builds(
    RecordLocation, texts, texts, texts, texts, texts, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
)
payloads = st.binary(max_size=300)
masks = st.integers(1, 255)
contexts = st.builds(KeyContext, texts, st.sampled_from(Purpose), texts, st.integers(0, 2**32 - 1))


@often
@given(locations, payloads)
def test_a_sealed_record_opens_in_its_location(location: RecordLocation, payload: bytes) -> None:
    sealed = seal(KEY, location, payload)
    assert open_sealed(KEY, location, sealed) == payload
    assert reference.open_record(MATERIAL, location, sealed) == payload


@often
@given(locations, payloads, masks)
def test_a_flipped_byte_never_opens(location: RecordLocation, payload: bytes, mask: int) -> None:
    sealed = seal(KEY, location, payload)
    for offset in range(len(sealed)):
        flipped = sealed[:offset] + bytes([sealed[offset] ^ mask]) + sealed[offset + 1 :]
        with pytest.raises(SealBrokenError):
            open_sealed(KEY, location, flipped)


@often
@given(payloads)
def test_a_shortened_record_never_opens(payload: bytes) -> None:
    sealed = seal(KEY, LOCATION, payload)
    for length in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            open_sealed(KEY, LOCATION, sealed[:length])
        with pytest.raises(SealBrokenError):
            open_sealed(KEY, LOCATION, sealed[length + 1 :])


@often
@given(payloads, st.binary(min_size=1, max_size=100))
def test_an_extended_record_never_opens(payload: bytes, more: bytes) -> None:
    sealed = seal(KEY, LOCATION, payload)
    for stretched in (sealed + more, more + sealed, sealed[:66] + more + sealed[66:]):
        with pytest.raises(SealBrokenError):
            open_sealed(KEY, LOCATION, stretched)


@often
@given(locations, locations, payloads)
def test_a_record_never_opens_in_another_location(
    location: RecordLocation, other: RecordLocation, payload: bytes
) -> None:
    assume(location != other)
    sealed = seal(KEY, location, payload)
    for field in RecordLocation._fields:
        moved = location._replace(**{field: getattr(other, field)})
        if moved != location:
            with pytest.raises(SealBrokenError):
                open_sealed(KEY, moved, sealed)
    with pytest.raises(SealBrokenError):
        open_sealed(KEY, other, sealed)


@often
@given(payloads, payloads)
def test_parts_of_two_records_never_make_a_third(payload: bytes, other: bytes) -> None:
    first, second = seal(KEY, LOCATION, payload), seal(KEY, LOCATION, other)
    with pytest.raises(SealBrokenError):
        open_sealed(KEY, LOCATION, first[:66] + second[66:])


@often
@given(st.lists(payloads, max_size=4), st.lists(payloads, max_size=4))
def test_two_lists_of_fields_are_never_framed_alike(fields: list[bytes], others: list[bytes]) -> None:
    assert (framed(*fields) == framed(*others)) == (fields == others)
    assert framed(*fields) == reference.framed(*fields)


@often
@given(contexts, masks)
def test_a_wrapped_key_with_a_flipped_byte_never_unwraps(context: KeyContext, mask: int) -> None:
    wrapped = wrapping.wrap(MASTERS[HEADER], HEADER, MATERIAL, context)
    assert wrapping.unwrap(MASTERS, wrapped, context) == MATERIAL
    for offset in range(len(wrapped)):
        flipped = wrapped[:offset] + bytes([wrapped[offset] ^ mask]) + wrapped[offset + 1 :]
        with pytest.raises(KeyUnavailableError):
            wrapping.unwrap(MASTERS, flipped, context)


@often
@given(contexts, st.binary(min_size=1, max_size=40))
def test_a_shortened_or_extended_wrapped_key_never_unwraps(context: KeyContext, more: bytes) -> None:
    wrapped = wrapping.wrap(MASTERS[HEADER], HEADER, MATERIAL, context)
    for altered in (*(wrapped[:length] for length in range(len(wrapped))), wrapped + more):
        with pytest.raises(KeyUnavailableError):
            wrapping.unwrap(MASTERS, altered, context)


@often
@given(contexts, contexts)
def test_a_wrapped_key_never_replaces_another(context: KeyContext, other: KeyContext) -> None:
    assume(context != other)
    wrapped = wrapping.wrap(MASTERS[HEADER], HEADER, MATERIAL, context)
    with pytest.raises(KeyUnavailableError):
        wrapping.unwrap(MASTERS, wrapped, other)
