"""What may be told of an error: its type and the lines that raised it, and no variable of any frame.

Error trackers and debuggers read the local variables of every frame of a traceback. Those of this server hold card
numbers, API secrets and cryptograms. So no error leaves the server with its frames: what is logged is made by
`described`, and what is raised to other software passes `without_frames`.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final, TypeVar

ErrorT = TypeVar("ErrorT", bound=BaseException)

_LINES: Final = 8


def described(error: BaseException) -> dict[str, object]:
    """Return the fields of a log line about an error: its type, where it was raised, and what led to it."""
    fields: dict[str, object] = {"error": type(error).__name__, "where": source_lines(error)}
    if causes := [_in_short(each) for each in _linked(error) if each is not error]:
        fields["causes"] = causes
    return fields


def source_lines(error: BaseException) -> list[str]:
    """Return the innermost source lines of an error, innermost last."""
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return lines[-_LINES:]


def without_frames(error: ErrorT) -> ErrorT:
    """Remove the frames of an error and the errors that led to it, and return the error.

    The errors of other packages quote or hold what they failed on, such as the text that is no UTF-8.
    """
    for each in _linked(error):
        each.__traceback__ = None
    error.__cause__ = error.__context__ = None
    return error


def _in_short(error: BaseException) -> str:
    lines = source_lines(error)
    return f"{type(error).__name__} at {lines[-1]}" if lines else type(error).__name__


def _linked(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that led to it, each once."""
    seen = {id(None)}
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [each.__context__, each.__cause__]
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions
