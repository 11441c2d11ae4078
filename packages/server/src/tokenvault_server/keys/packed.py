"""Texts of sealed records that stay packed until they are used.

A record that was opened keeps its card and token numbers as `msgspec.Raw`. Its `repr` and `asdict` show nothing of
them, and decoding a record does not even make a string of them. `SealedStruct` keeps such a record out of pickles.
"""

from __future__ import annotations

from typing import Final, NoReturn

import msgspec

Packed = msgspec.Raw
"""A text as it stands in a record, in MessagePack."""

NOTHING: Final = Packed(b"\xc0")
"""No text: MessagePack's nil."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(str).decode


class SealedStruct(msgspec.Struct, frozen=True, array_like=True):
    """The content of a sealed record. It prints no value and cannot be pickled or copied."""

    def __repr__(self) -> str:
        """Show nothing."""
        return f"{type(self).__name__}(****)"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would hold the values in the clear."""
        message = f"{type(self).__name__} cannot be pickled"
        raise TypeError(message)

    def __copy__(self) -> NoReturn:
        """Refuse to be copied."""
        self.__reduce__()


def packed(text: str) -> Packed:
    """Return a text as it stands in a record."""
    return Packed(_encode(text))


def unpacked(value: Packed) -> str:
    """Return the text."""
    return _decode(value)
