"""Values that must not be shown by accident. They print as stars, and only `reveal` returns them."""

from __future__ import annotations

import hmac
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """A value that only `reveal()` returns. Its `repr`, `str` and format are stars, and it cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        """Wrap `value`."""
        self._value: T = value

    def reveal(self) -> T:
        """Return the value itself. Every use deserves a review."""
        return self._value

    def __repr__(self) -> str:
        """Return stars, whatever the value."""
        return f"{type(self).__name__}(****)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        """Return stars in f-strings too."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, so that the duration reveals nothing about the value."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_octets(self._value), _octets(other._value))

    __hash__ = None  # type: ignore[assignment]  # a hash would let the value be a key of dicts and sets, which store it

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would hold the value in the clear."""
        message = f"{type(self).__name__} cannot be pickled"
        raise TypeError(message)


def _octets(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
