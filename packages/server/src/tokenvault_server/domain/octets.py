"""Byte strings that cannot be read in two ways: every part stands behind its length."""

from __future__ import annotations


def length_prefixed(*parts: bytes) -> bytes:
    """Join parts, each behind its length in two bytes, so that no two different lists give the same bytes."""
    return b"".join([len(part).to_bytes(2, "big") + part for part in parts])
