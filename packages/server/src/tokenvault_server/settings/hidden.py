"""Settings that are secret: opaque, and sent to no other process but the workers that this one starts."""

from __future__ import annotations

from multiprocessing.context import get_spawning_popen
from typing import Any

from tokenvault_server.domain.secret import Secret


class _Hidden(Secret[Any]):
    """A secret setting. It is false where it is not set."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Return whether the setting is set."""
        return bool(self.reveal())

    def __reduce__(self) -> str | tuple[object, ...]:
        """Allow a pickle only on its way to a worker process, as locks and sockets of `multiprocessing` do."""
        if get_spawning_popen() is None:
            return super().__reduce__()
        return type(self), (self.reveal(),)


class HiddenText(_Hidden):
    """A password or passphrase."""

    __slots__ = ()

    def secret(self) -> Secret[str] | None:
        """Return it as a secret, or None where it is not set."""
        return self or None


class HiddenOptions(_Hidden):
    """The options of an installed provider. Only the provider knows which of them are secret."""

    __slots__ = ()


def from_settings(kind: type[Any], value: object) -> object:
    """Make a hidden setting of the text or table that stands in the settings.

    Raises:
        TypeError: it is of another type.
    """
    expected = str if kind is HiddenText else dict
    if not isinstance(value, expected):
        message = f"must be {'text' if expected is str else 'a table'}"
        raise TypeError(message)
    return kind(value)


def as_stars(value: object) -> object:
    """Return what may be shown of a hidden setting."""
    if isinstance(value, HiddenOptions):
        return dict.fromkeys(value.reveal(), "****")
    return "****" if value else ""
