"""Log lines: one JSON object each, made of named fields.

A `Secret` is written as stars. Any text that looks like a card number is masked: the last defence, behind types that
keep card numbers out of log calls.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from typing import IO, Any

import msgspec

from tokenvault_server.domain.card_numbers import card_numbers, holds_card_number
from tokenvault_server.domain.identifiers import CLIENT_SECRET_PREFIX, PARTNER_KEY_PREFIX
from tokenvault_server.domain.printable import escaped_json

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
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _frames(record.exc_info[2])
        return escaped_json(_encode(line).decode())


def start_logging(level: str, stream: IO[str] | None = None) -> None:
    """Write the lines of every logger, libraries' included, to `stream` as JSON; by default to standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "_granian", "granian.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


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


def _frames(trace: Any) -> list[str]:  # noqa: ANN401  # a traceback or None; only its lines are logged, never its values
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)][-8:]


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03d}Z"
