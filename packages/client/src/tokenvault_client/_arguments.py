"""Checks of arguments. Each raises a `UsageError` that names the argument and says what it must be.

A value itself is never in a message: it could be a secret in the wrong place.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

from tokenvault_client.errors import UsageError
from tokenvault_contract.identifiers import MAX_LENGTH, is_id, is_reference

T = TypeVar("T")

MAX_TIMEOUT_SECONDS: Final = 3600
MAX_COUNT: Final = 10_000
"""The limit for connections and retries."""


def text(name: str, value: object) -> str:
    """Return a string. A subclass, such as an `enum`, could format itself as something else and becomes a plain one."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string, not {_kind(value)}")
    plain = value if type(value) is str else str.__str__(value)
    if not plain.isascii() and any("\ud800" <= character <= "\udfff" for character in plain):
        raise UsageError(f"{name} must be text, without half characters")
    return plain


def identifier(name: str, value: object) -> str:
    """Return the id of a customer or an instrument."""
    plain = text(name, value)
    if not is_id(plain):
        raise UsageError(f"{name} must have 1 to {MAX_LENGTH} characters, and be no control, dots, template or secret")
    return plain


def reference(name: str, value: object) -> str:
    """Return a request id or an idempotency key. A `uuid.UUID` becomes text."""
    if not isinstance(value, str):
        from uuid import UUID

        if not isinstance(value, UUID):
            raise UsageError(f"{name} must be a string or a UUID, not {_kind(value)}")
        return str(value)
    plain = value if type(value) is str else str.__str__(value)
    if not is_reference(plain):
        raise UsageError(f"{name} must be 1 to {MAX_LENGTH} visible ASCII characters without a space or a secret")
    return plain


def number(name: str, value: object, *, minimum: float = 0, maximum: float = float("inf")) -> float:
    """Return a number within limits, both included."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UsageError(f"{name} must be a number, not {_kind(value)}")
    if not minimum <= value <= maximum:
        raise UsageError(f"{name} must be a number from {minimum:g} to {maximum:g}")
    return value


def timeout(name: str, value: object) -> float:
    """Return a number of seconds, more than 0 and at most an hour."""
    seconds = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if seconds is None or not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        raise UsageError(f"{name} must be a number of seconds, more than 0 and at most {MAX_TIMEOUT_SECONDS}")
    return seconds


def count(name: str, value: object, *, minimum: int) -> int:
    """Return a whole number from `minimum` to a limit far above every sensible use."""
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= MAX_COUNT:
        raise UsageError(f"{name} must be a whole number from {minimum} to {MAX_COUNT}")
    return value


def flag(name: str, value: object) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {_kind(value)}")
    return value


def function(name: str, value: T) -> T:
    """Return a function unchanged."""
    if not callable(value):
        raise UsageError(f"{name} must be a function, not {_kind(value)}")
    return value


def check_instance(name: str, value: object, kind: type) -> None:
    """Check that a value is of a class."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} must be a {kind.__name__}, not {_kind(value)}")


def check_time(name: str, value: object) -> None:
    """Check that a value is a time with its zone."""
    from datetime import datetime

    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise UsageError(f"{name} must be a datetime with a time zone")


def path(name: str, value: object) -> str:
    """Return the path of a file."""
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{name} must be the path of a file, not {_kind(value)}")
    plain = text(name, os.fspath(value))
    if "\0" in plain or not plain:
        raise UsageError(f"{name} must be the path of a file")
    return plain


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
