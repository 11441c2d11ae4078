"""The form of bodies and headers in one version of the API; `versions` makes one shape for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tokenvault_contract.operations import Operation
from tokenvault_contract.versions import ApiVersion

Headers = list[tuple[bytes, bytes]]
Body = msgspec.Struct | Sequence[msgspec.Struct]
"""The body of an answer in its newest shape, before it becomes JSON."""

_encode = msgspec.json.Encoder().encode


class Shape:
    """The form of every body in one version, and the headers that name the version."""

    __slots__ = ("_bodies", "_error", "headers", "version")

    def __init__(
        self,
        version: ApiVersion,
        version_headers: Headers,
        bodies: Mapping[str, Callable[[Any], Body]],
        error: Callable[[Any], Body] | None,
    ) -> None:
        """Undo later changes by `bodies`, by the key of their operation, and by `error`."""
        self.version = version
        self.headers = version_headers
        self._bodies = bodies
        self._error = error

    def render(self, operation: Operation, body: Body) -> bytes:
        """Return the JSON of an operation's body."""
        older = self._bodies.get(operation.key)
        return _encode(older(body) if older else body)

    def render_error(self, body: msgspec.Struct) -> bytes:
        """Return the JSON of an error's body."""
        return _encode(self._error(body) if self._error else body)
