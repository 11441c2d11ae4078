"""Values that must not be seen by accident: they print as stars and are opened by a verb that can be searched for."""

from __future__ import annotations

import hmac
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """A value that only `reveal()` shows; its `repr`, `str` and format are stars and it does not pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        """Wrap `value`."""
        self._value: T = value

    def reveal(self) -> T:
        """Give the value itself. Every call is a place to review."""
        return self._value

    def __repr__(self) -> str:
        """Stars, whatever the value."""
        return f"{type(self).__name__}(****)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        """Stars in f-strings too."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, so that equality tells nothing by its duration."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_octets(self._value), _octets(other._value))

    __hash__ = None  # type: ignore[assignment]  # a hash would be kept in tables beside the value's users

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle is a file or a pipe with the value in the clear."""
        message = f"{type(self).__name__} does not pickle"
        raise TypeError(message)


def _octets(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
