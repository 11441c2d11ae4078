"""The text behind `x-client-signature`: how it is written, read, and for how long it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenvault_contract import signatures
from tokenvault_contract.signatures import Signed

NOW = 1_795_337_130


def test_the_text_is_the_client_id_a_dot_and_the_seconds() -> None:
    assert signatures.message("TEST123", NOW) == b"TEST123.1795337130"


@given(st.text("ABCabc019._-", min_size=1), st.integers(0, 10**12 - 1))
def test_what_is_written_is_read(client_id: str, at: int) -> None:
    assert signatures.read(signatures.message(client_id, at)) == (client_id, at)


@pytest.mark.parametrize(
    "text", [b"", b"TEST", b"TEST.", b"TEST.-1", b"TEST. 1", b"TEST.1_0", b"TEST.1.", b"TEST.\xb2"]
)
def test_what_is_not_of_this_form_is_not_read(text: bytes) -> None:
    assert signatures.read(text) is None


def test_more_seconds_than_will_ever_be_are_not_read() -> None:
    assert signatures.read(b"TEST." + b"9" * 12) is not None
    assert signatures.read(b"TEST." + b"9" * 13) is None


@pytest.mark.parametrize(("age", "is_current"), [(-61, False), (-60, True), (0, True), (600, True), (601, False)])
def test_a_signature_holds_for_ten_minutes_and_a_minute_too_early(age: int, is_current: bool) -> None:
    assert Signed("TEST", NOW - age).is_current(NOW) is is_current
