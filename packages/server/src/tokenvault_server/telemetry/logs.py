"""Log lines: one JSON object each, made of named fields.

A `Secret` is written as stars. Any text that looks like a card number is masked: the last defence, behind types that
keep card numbers out of log calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import sys
import threading
from typing import IO, Any

import msgspec

from tokenvault_server.domain.card_numbers import card_numbers, holds_card_number
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.identifiers import CLIENT_SECRET_PREFIX, PARTNER_KEY_PREFIX
from tokenvault_server.domain.printable import escaped_json
from tokenvault_server.domain.tracebacks import described, source_lines
from tokenvault_server.telemetry.repeats import Repeats
from tokenvault_server.telemetry.timestamps import timestamp

logger = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRETS = re.compile(f"(?:{CLIENT_SECRET_PREFIX}|{PARTNER_KEY_PREFIX})[A-Za-z0-9_-]+")
MASK = "[card number]"
SECRET_MASK = "[secret]"

_encode = msgspec.json.Encoder(enc_hook=repr).encode


class JsonLines(logging.Formatter):
    """Formats each record as one JSON object: time, level, logger, event, then the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON line."""
        line: dict[str, Any] = {
            "at": timestamp(int(record.created * SECOND)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        line.update({name: _shown(value) for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["where"] = source_lines(record.exc_info[1])
        return escaped_json(_encode(line).decode())


class JsonHandler(logging.StreamHandler[IO[str]]):
    """Writes lines as JSON. Of warnings and errors that repeat, it writes the first ones, and the last with a count."""

    def __init__(self, stream: IO[str] | None = None, repeats: Repeats | None = None) -> None:
        """Write to `stream`, by default to standard error."""
        super().__init__(stream or sys.stderr)
        self.setFormatter(JsonLines())
        self._repeats = Repeats() if repeats is None else repeats
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless it repeats others; before it, write what was held back long enough."""
        self.write_held(record.created)
        if self._repeats.passes(record):
            super().emit(record)
        elif self._timer is None:
            self._timer = threading.Timer(self._repeats.seconds, self._end)
            self._timer.daemon = True
            self._timer.start()

    def join(self, seconds: float) -> None:
        """Wait until what is held back was written, at most for some seconds."""
        if timer := self._timer:
            timer.join(seconds)

    def write_held(self, now: float) -> None:
        """Write the last line of each kind whose seconds are over."""
        for record in self._repeats.ended(now):
            super().emit(record)

    def close(self) -> None:
        """Write everything that was held back."""
        if self._timer:
            self._timer.cancel()
        with self.lock or contextlib.nullcontext():
            self.write_held(math.inf)
        super().close()

    def _end(self) -> None:
        with self.lock or contextlib.nullcontext():
            self.write_held(math.inf)
            self._timer = None


def start_logging(level: str, stream: IO[str] | None = None) -> None:
    """Write the lines of every logger, libraries' included, to `stream` as JSON; by default to standard error."""
    logging.basicConfig(handlers=[JsonHandler(stream)], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "_granian", "granian.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def log_errors_of(loop: asyncio.AbstractEventLoop) -> None:
    """Log errors that nobody waits for in an event loop without their frames and without what they were called with."""
    loop.set_exception_handler(_log_loop_error)


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    logger.error("unhandled error in the event loop", extra=described(error) if error else {})


def redact(text: str) -> str:
    """Mask everything in a text that looks like a card number or one of our API secrets."""
    text = text.encode("utf-8", "backslashreplace").decode()  # JSON cannot hold a lone surrogate
    text = _SECRETS.sub(SECRET_MASK, text)
    # From the last to the first, so that the indexes of those before stay right.
    for first, last in reversed(list(card_numbers(text))):
        text = text[:first] + MASK + text[last:]
    return text


def _shown(value: object) -> object:
    """Return a field's value as it may be logged; a value that is neither text nor number becomes its `repr`."""
    match value:
        case bool() | float() | None:
            return value
        case int():
            return MASK if holds_card_number(str(value)) else value
        case str():
            return redact(value)
        case dict():
            return {redact(str(name)): _shown(each) for name, each in value.items()}
        case list() | tuple():
            return [_shown(each) for each in value]
        case _:
            return redact(repr(value))
