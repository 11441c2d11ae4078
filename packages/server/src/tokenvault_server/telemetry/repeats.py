"""Bounds how often a failure is logged: a database that is away for a minute fails every task and every call."""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({})))
_VARYING: Final = frozenset({"request_id", "task", "origin", "message", "taskName", "trace_id", "span_id"})
"""Fields in which repeats of one line differ. With the caller's address, strangers could write any number of lines."""
_MOST_KINDS: Final = 500


class _Kind:
    """The lines of one kind since the first of them."""

    __slots__ = ("began", "count", "held", "last")

    def __init__(self, began: float) -> None:
        self.began = began
        self.count = 0
        self.held = 0
        self.last: logging.LogRecord | None = None


class Repeats:
    """Lets the first lines of a kind pass, and counts the others for some seconds."""

    def __init__(self, first: int = 3, seconds: float = 10.0) -> None:
        """Let `first` lines of each kind pass in `seconds`. Lines below the level `warning` always pass."""
        self._first = first
        self.seconds = seconds
        self._kinds: OrderedDict[str, _Kind] = OrderedDict()

    def __len__(self) -> int:
        """Count the kinds of lines in memory."""
        return len(self._kinds)

    def passes(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is written now. Ask `ended` before."""
        if record.levelno < logging.WARNING:
            return True
        key = _kind_of(record)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(record.created)
        kind.count += 1
        if kind.count <= self._first:
            return True
        kind.held += 1
        kind.last = record
        return False

    def ended(self, now: float) -> list[logging.LogRecord]:
        """Return the last line that was held back of each kind whose seconds are over.

        Its field `repeats` says how many were. If the clock of the machine was set back, every kind ends.
        """
        over = [key for key, kind in self._kinds.items() if not 0 <= now - kind.began < self.seconds]
        over += list(self._kinds)[: max(0, len(self._kinds) - len(over) - _MOST_KINDS)]
        return [record for key in dict.fromkeys(over) if (record := _summary(self._kinds.pop(key)))]


def _summary(kind: _Kind) -> logging.LogRecord | None:
    if kind.last is None:
        return None
    record = copy.copy(kind.last)
    record.repeats = kind.held
    return record


def _kind_of(record: logging.LogRecord) -> str:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in _VARYING}
    error = record.exc_info[0] if record.exc_info else None
    return f"{record.name} {record.levelno} {record.getMessage()} {error} {fields}"
