"""Reads as much of an answer as matters: its status, and whether the connection can be used again.

The parser is httptools, as under uvicorn. Of the body nothing is kept: it is counted, up to a bound.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httptools

MAX_BYTES: Final = 16_384
"""More than this of an answer, head and body together, is never read."""
_CHUNK: Final = 4_096
_FINAL: Final = 200


class MalformedAnswerError(Exception):
    """What came back is not HTTP, or ended before it said how it went."""


class Answer:
    """One answer as it arrives; the methods named `on_` are httptools' own."""

    def __init__(self) -> None:
        self.status = 0
        self.is_complete = False
        self.may_continue = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what arrived; MalformedAnswerError when it cannot be HTTP."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise MalformedAnswerError from None

    def on_headers_complete(self) -> None:
        """Note the status, unless it is an interim one (RFC 9110, 15.2)."""
        if self._parser.get_status_code() >= _FINAL and not self.status:
            self.status = self._parser.get_status_code()
            self.may_continue = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """Note that nothing more belongs to this answer."""
        self.is_complete = bool(self.status)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Give the answer that comes next, or as much of it as has its status; MalformedAnswerError without one."""
    answer = Answer()
    count = 0
    while not answer.is_complete and count < MAX_BYTES:
        data = await reader.read(_CHUNK)
        if not data:
            break
        count += len(data)
        answer.feed(data)
        if answer.status and not answer.may_continue:
            break  # the connection ends with this answer, so its body need not be waited for
    if not answer.status:
        raise MalformedAnswerError
    return answer
