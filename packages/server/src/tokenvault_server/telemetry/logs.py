"""Log lines: one JSON object each, made of named fields.

A `Secret` is written as stars. Any text that looks like a card number is masked: the last defence, behind types that
keep card numbers out of log calls.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from typing import IO, Any

import msgspec

from tokenvault_server.domain.card_numbers import card_numbers, holds_card_number
from tokenvault_server.domain.identifiers import CLIENT_SECRET_PREFIX, PARTNER_KEY_PREFIX
from tokenvault_server.domain.printable import escaped_json
from tokenvault_server.domain.tracebacks import described, source_lines

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
            "at": _timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        line.update({name: _shown(value) for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["where"] = source_lines(record.exc_info[1])
        return escaped_json(_encode(line).decode())


def start_logging(level: str, stream: IO[str] | None = None) -> None:
    """Write the lines of every logger, libraries' included, to `stream` as JSON; by default to standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
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


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03d}Z"
