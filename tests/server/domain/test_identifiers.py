"""Ids sort by the time they were made, have the standard's format, and never hold a card number."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import NOW
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.domain.identifiers import acceptable_segment, acceptable_token, prefixed, uuid7

MOMENTS = st.integers(0, 2**48 * 1000 - 1)


@given(MOMENTS)
def test_an_id_is_a_version_seven_uuid_with_its_time(now: int) -> None:
    made = uuid.UUID(uuid7(now))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now // 1000


@given(MOMENTS, st.integers(1, 10**9))
def test_an_id_made_later_sorts_later(now: int, wait: int) -> None:
    assert uuid7(now) < uuid7(min(now + wait, 2**48 * 1000 - 1)) or now + wait >= 2**48 * 1000


def test_ids_of_the_same_moment_differ() -> None:
    assert len({uuid7(NOW) for _ in range(1000)}) == 1000


def test_an_id_has_the_usual_text_form() -> None:
    made = uuid7(NOW)
    assert str(uuid.UUID(made)) == made


def test_a_prefixed_id_begins_with_its_prefix() -> None:
    assert prefixed("mer", NOW).startswith("mer_")
    assert len(prefixed("mer", NOW)) == 4 + 32


@pytest.mark.parametrize("text", ["a", "customer_1", "ग्राहक", "a/b", "a b", "a+b", "%2F", "{a", "a}", "...", "x" * 128])
def test_almost_any_text_may_be_an_id(text: str) -> None:
    assert acceptable_segment(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "{customer_id}",
        "{}",
        "a\x00",
        "a\nb",
        "\x7f",
        "\x85",
        "\ud800",
        "x" * 129,
        "4706131211212123",
        "4706-1312-1121-2123",
        "tvsk_a-secret-sent-where-an-id-belongs",
        "x-tvpk_key",
    ],
)
def test_text_that_other_software_would_interpret_is_not_an_id(text: str) -> None:
    assert not acceptable_segment(text)


@pytest.mark.parametrize("text", ["a", "req_1", "!" * 128, "a=b;c", "0197f0a0-0000-7000-8000-000000000001"])
def test_visible_ascii_may_be_a_request_id(text: str) -> None:
    assert acceptable_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "é", "x" * 129, "4706131211212123"])
def test_other_text_may_not_be_a_request_id(text: str) -> None:
    assert not acceptable_token(text)


@given(st.text("0123456789abcF_-", min_size=1, max_size=40))
def test_the_fast_check_of_plain_ids_accepts_no_card_number(text: str) -> None:
    assert acceptable_segment(text) is not holds_card_number(text)


@given(st.text())
def test_no_text_makes_either_check_fail(text: str) -> None:
    assert acceptable_segment(text) in (True, False)
    assert acceptable_token(text) in (True, False)
