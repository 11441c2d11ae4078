"""Tokens, PARs, TRIDs and indexes have their prescribed format, and reveal nothing."""

from __future__ import annotations

import hmac
import re
from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.keyring import Key
from tokenvault_server.tsp.local import identifiers
from tokenvault_server.tsp.local.ranges import TOKEN_PREFIXES

VISA = Pan("4706131211212123")


def a_key(purpose: Purpose, material: bytes = bytes(range(32))) -> Key:
    return Key(WrappedKey(1, purpose, "", 1, KeyState.ACTIVE, b"", "1", b"", 0), material)


PAR_KEY, INDEX_KEY = a_key(Purpose.PAR), a_key(Purpose.CARD_INDEX)


@given(st.sampled_from(list(TOKEN_PREFIXES.values())), st.integers(14, 19))
def test_a_new_token_has_its_prefix_and_length_and_check_digit(prefix: str, length: int) -> None:
    token_pan = identifiers.new_token_pan(prefix, length).reveal()
    assert token_pan.startswith(prefix)
    assert len(token_pan) == length
    assert luhn.is_valid(token_pan)


def test_a_trid_is_the_providers_code_and_eight_digits() -> None:
    assert re.fullmatch(r"900[0-9]{8}", identifiers.new_trid("900"))


@given(st.from_regex(r"[0-9]{14,19}", fullmatch=True))
def test_a_par_is_29_characters_and_the_same_every_time(pan: str) -> None:
    par = identifiers.par(PAR_KEY, Pan(pan), "TVV1")
    assert re.fullmatch(r"TVV1[0-9A-Z]{25}", par)
    assert identifiers.par(PAR_KEY, Pan(pan), "TVV1") == par


def test_a_par_is_the_beginning_of_the_hmac_in_base_36() -> None:
    digest = hmac.digest(bytes(range(32)), VISA.reveal().encode(), "sha256")
    head = identifiers.par(PAR_KEY, VISA, "TVV1")[4:]
    assert int(head, 36) == int.from_bytes(digest) // 36**25


def test_a_par_that_begins_with_zeros_keeps_them() -> None:
    zeros = next(
        par for number in range(1000) if (par := identifiers.par(PAR_KEY, Pan(f"{number:016d}"), "TVV1"))[4] == "0"
    )
    assert len(zeros) == 29


def test_indexes_depend_on_every_part_and_on_the_key() -> None:
    other_key = a_key(Purpose.CARD_INDEX, bytes(32))
    indexes = {
        identifiers.card_index(INDEX_KEY, VISA, "ab", "c"),
        identifiers.card_index(INDEX_KEY, VISA, "a", "bc"),
        identifiers.card_index(INDEX_KEY, Pan("4062288312345026"), "ab", "c"),
        identifiers.card_index(other_key, VISA, "ab", "c"),
        identifiers.token_index(INDEX_KEY, NetworkToken(VISA.reveal())),
        identifiers.merchant_index(INDEX_KEY, "ab"),
    }
    assert len(indexes) == 6
    assert {len(index) for index in indexes} == {32}


def test_a_key_of_another_purpose_indexes_nothing() -> None:
    with pytest.raises(KeyUnavailableError):
        identifiers.token_index(PAR_KEY, NetworkToken("4999990123456784"))
    with pytest.raises(KeyUnavailableError):
        identifiers.par(INDEX_KEY, VISA, "TVV1")


@given(st.integers(2000, 2999), st.integers(1, 12))
def test_an_expiry_is_found_from_the_end_of_its_month(year: int, month: int) -> None:
    assert identifiers.expiry_ending(Expiry(year, month).ends_at()) == Expiry(year, month)


def test_four_years_from_the_last_day_of_a_month_are_the_same_month() -> None:
    last_day = timegm((2028, 2, 29, 23, 59, 59)) * SECOND
    assert identifiers.expiry_after(last_day, 4) == Expiry(2032, 2)
