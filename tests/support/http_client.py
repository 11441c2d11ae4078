"""A plain HTTP client: no redirects, no retries, no normalising of targets."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

Json = dict[str, Any]

CALL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: the status, the headers by lower-case names, and the body as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Connection:
    """A kept-alive connection to an API, with headers for every call."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        """Use `base_url`; the first call connects."""
        base = urlsplit(base_url)
        assert base.hostname
        self._path = base.path
        self._headers = headers
        self._connection = http.client.HTTPConnection(base.hostname, base.port, timeout=CALL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._connection.close()

    def open(self) -> None:
        """Connect now instead of with the first call."""
        self._connection.connect()

    def ask(
        self, method: str, target: str, body: Json | bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request below the base path, with the target as it is. `headers` override the usual ones."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        self._connection.request(method, self._path + target, content, self._headers | (headers or {}))
        reply = self._connection.getresponse()
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
