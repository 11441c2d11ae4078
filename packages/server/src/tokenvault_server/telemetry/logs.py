"""Log lines: one JSON object each, made of named fields.

A `Secret` writes itself as stars, and any text that holds what looks like a card number
is masked before it leaves: the last line of defence behind types that do not let it come so far.
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

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRETS = re.compile(f"(?:{CLIENT_SECRET_PREFIX}|{PARTNER_KEY_PREFIX})[A-Za-z0-9_-]+")
MASK = "[card number]"
SECRET_MASK = "[secret]"

_encode = msgspec.json.Encoder(enc_hook=repr).encode


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object: time, level, logger, event, then the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
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
        return _encode(line).decode()


def start_logging(level: str, stream: IO[str] | None = None) -> None:
    """Send every logger's lines, libraries' included, to `stream` (standard error) as JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "_granian", "granian.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def redact(text: str) -> str:
    """Mask whatever in a text looks like a card number or one of our API secrets, whatever stands beside it."""
    text = text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate has no place in JSON
    text = _SECRETS.sub(SECRET_MASK, text)
    # From the last to the first, so that the indexes of those before stay right.
    for first, last in reversed(list(card_numbers(text))):
        text = text[:first] + MASK + text[last:]
    return text


def _shown(value: object) -> object:
    """Give a field's value as it may be written; what is neither text nor a number is shown by its `repr`."""
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


def _frames(trace: Any) -> list[str]:  # noqa: ANN401  # a traceback or None; only its places are shown, never its values
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)][-8:]


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03d}Z"
