"""Reads an HTTP response as far as needed: its status, and whether the connection can be used again.

The parser is httptools, which uvicorn uses too. The body is not kept; its bytes are only counted, up to a limit.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httptools

MAX_BYTES: Final = 16_384
"""How much of a response is read at most, head and body together."""
_CHUNK: Final = 4_096
_FINAL: Final = 200


class MalformedAnswerError(Exception):
    """The response is not HTTP, or ended before its status."""


class Answer:
    """One response while it arrives. httptools calls the methods named `on_...`."""

    def __init__(self) -> None:
        self.status = 0
        self.is_complete = False
        self.may_continue = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Parse the next bytes.

        Raises:
            MalformedAnswerError: they are not HTTP.
        """
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise MalformedAnswerError from None

    def on_headers_complete(self) -> None:
        """Store the status, unless it is an interim one (RFC 9110, 15.2)."""
        if self._parser.get_status_code() >= _FINAL and not self.status:
            self.status = self._parser.get_status_code()
            self.may_continue = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """Mark the response as complete, unless it was an interim one."""
        self.is_complete = bool(self.status)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read the next response, at least as far as its status.

    Raises:
        MalformedAnswerError: it has no status.
    """
    answer = Answer()
    count = 0
    while not answer.is_complete and count < MAX_BYTES:
        data = await reader.read(_CHUNK)
        if not data:
            break
        count += len(data)
        answer.feed(data)
        if answer.status and not answer.may_continue:
            break  # the connection cannot be used again, so there is no need to wait for the body
    if not answer.status:
        raise MalformedAnswerError
    return answer
