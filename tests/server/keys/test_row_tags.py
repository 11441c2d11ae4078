"""Tags of rows have the stored form, depend on every value and on nothing else."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.domain.protected_row import Content, ProtectedRow, RowId, RowKind
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys import row_tags
from tokenvault_server.keys.keyring import Key

MATERIAL = bytes(range(32))
ROW = ProtectedRow(RowId("mer_1", RowKind.RATE_LIMIT, "fetch_instrument"), (7,))


def key(purpose: Purpose = Purpose.ROW, key_id: int = 6) -> Key:
    wrapped = WrappedKey(key_id, purpose, "", 1, KeyState.ACTIVE, b"", "1", b"", 0)
    return Key(wrapped, MATERIAL)


def test_a_tag_has_the_stored_form() -> None:
    # MessagePack by hand: a list of six, short texts by their length, a list of one, a small number.
    texts = [b"tokenvault row v1", b"vlt_1", b"mer_1", b"rate_limit", b"fetch_instrument"]
    message = b"\x96" + b"".join(bytes([0xA0 + len(text)]) + text for text in texts) + b"\x91\x07"
    tag = row_tags.tag(key(), "vlt_1", ROW)
    cipher = AES.new(MATERIAL, AES.MODE_GCM, nonce=tag[4:16])  # another library
    cipher.update(message)
    assert tag == b"\x00\x00\x00\x06" + tag[4:16] + cipher.digest()


def test_a_tag_names_its_key() -> None:
    assert row_tags.key_id_of(row_tags.tag(key(key_id=2**31), "vlt_1", ROW)) == 2**31


def test_a_key_of_another_purpose_makes_no_tag() -> None:
    with pytest.raises(KeyUnavailableError):
        row_tags.tag(key(Purpose.API_SECRET), "vlt_1", ROW)


VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=5), st.binary(max_size=5))
ROWS = st.builds(
    lambda chain, kind, row_id, content: ProtectedRow(RowId(chain, kind, row_id), tuple(content)),
    st.text(max_size=5),
    st.sampled_from(RowKind),
    st.text(max_size=5),
    st.lists(VALUES, max_size=4),
)


def typed(content: Content) -> list[tuple[type, object]]:
    """Return the values with their types: 1 and True, or a text and its bytes, are different."""
    return [(type(value), value) for value in content]


@given(ROWS, ROWS)
def test_different_rows_have_different_tags(one: ProtectedRow, other: ProtectedRow) -> None:
    is_same = one.identity == other.identity and typed(one.content) == typed(other.content)
    assert row_tags.matches(key(), "vlt_1", other, row_tags.tag(key(), "vlt_1", one)) is is_same


@given(ROWS)
def test_another_vault_has_another_tag(row: ProtectedRow) -> None:
    assert not row_tags.matches(key(), "vlt_2", row, row_tags.tag(key(), "vlt_1", row))


@given(ROWS, st.integers(0, 8 * row_tags.LENGTH - 1))
def test_a_tag_with_a_flipped_bit_is_none(row: ProtectedRow, bit: int) -> None:
    flipped = int.from_bytes(row_tags.tag(key(), "vlt_1", row), "big") ^ 1 << bit
    changed = flipped.to_bytes(row_tags.LENGTH, "big")
    assert row_tags.key_id_of(changed) != 6 or not row_tags.matches(key(), "vlt_1", row, changed)


def test_two_tags_of_a_row_differ() -> None:
    assert len({row_tags.tag(key(), "vlt_1", ROW) for _ in range(100)}) == 100
