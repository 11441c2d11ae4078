"""Encodes several values as one unambiguous byte string: each is preceded by its length.

With a separator two lists of values could give the same bytes ("a|b" and "c", "a" and "b|c"). A record that is bound to
one location would then also fit another.
"""

from __future__ import annotations


class _Lengths(dict[int, bytes]):
    """Length prefixes (u16, big endian), made once each: a lookup costs a third of `int.to_bytes`."""

    def __missing__(self, length: int) -> bytes:
        prefix = length.to_bytes(2, "big")
        self[length] = prefix
        return prefix


LENGTH = _Lengths()
"""From a length to its prefix. A length over 65,535 is an OverflowError."""


def framed(*fields: bytes) -> bytes:
    """Return the fields, each after its length."""
    parts: list[bytes] = []
    for field in fields:
        parts += (LENGTH[len(field)], field)
    return b"".join(parts)
