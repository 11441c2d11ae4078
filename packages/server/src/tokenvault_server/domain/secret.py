"""Values that must not be shown by accident. They print as stars, and only `reveal` returns them."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, Generic, TypeVar, cast

T = TypeVar("T")

_VALUES: Final[dict[int, object]] = {}
"""The values of all secrets, by the identity of their `Secret`. No attribute of a `Secret` leads here, so that tools
that walk through the attributes of local variables, such as error trackers, do not find them."""


class Unpicklable:
    """Refuses to be pickled and copied: both would hold its secrets in the clear."""

    __slots__ = ()

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse."""
        message = f"{type(self).__name__} cannot be pickled"
        raise TypeError(message)


class Secret(Unpicklable, Generic[T]):
    """A value that only `reveal()` returns. It has no attributes, prints as stars, and cannot be pickled or copied."""

    __slots__ = ("__weakref__",)

    def __init__(self, value: T) -> None:
        """Wrap `value`."""
        _VALUES[id(self)] = value

    def __del__(self, forget: Callable[[int, None], object] = _VALUES.pop) -> None:
        """Forget the value."""
        forget(id(self), None)

    def reveal(self) -> T:
        """Return the value itself. Every use deserves a review."""
        return cast("T", _VALUES[id(self)])

    def __repr__(self) -> str:
        """Return stars, whatever the value."""
        return f"{type(self).__name__}(****)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        """Return stars in f-strings too."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """Compare texts in constant time, so that the duration reveals nothing about the value."""
        if not isinstance(other, Secret):
            return NotImplemented
        mine, others = _octets(self.reveal()), _octets(other.reveal())
        if isinstance(mine, bytes) and isinstance(others, bytes):
            return hmac.compare_digest(mine, others)
        return bool(mine == others)

    __hash__ = None  # type: ignore[assignment]  # a hash would let the value be a key of dicts and sets, which store it


def _octets(value: object) -> object:
    return value.encode(errors="surrogatepass") if isinstance(value, str) else value
