"""Routes: from a path to an operation of the contract's tables, with ids decoded exactly once, after routing.

The raw path is split before anything is decoded, so no id can change the route: `a%2Fb` is one id, and `..` is an
invalid id, not a step upwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tokenvault_contract.operations import BASE_PATH, Operation
from tokenvault_server.domain.identifiers import ID_RULE, acceptable_segment
from tokenvault_server.errors import InvalidFieldError, MethodNotAllowedError, RouteNotFoundError, VaultError

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


Explain = Callable[[str, bytes], VaultError | None]
"""Returns the error for a method and a path that no operation has, or None for the usual ones."""


def no_explanation(_method: str, _raw_path: bytes) -> None:
    """Return None: the usual error says enough."""


class Route(NamedTuple):
    """All operations on one path."""

    pattern: re.Pattern[bytes]
    fields: tuple[str, ...]
    methods: dict[str, Operation]


class Routes:
    """The paths that a server answers."""

    def __init__(self, operations: Iterable[Operation], explain: Explain = no_explanation) -> None:
        """Route to `operations`; `explain` may have a better error for a call that none of them takes.

        An id is one segment of the raw path, empty or not. A path of constants comes before one with an id, whatever
        their order: `/orders/sessions` is not an order.
        """
        by_path: dict[str, Route] = {}
        for operation in operations:
            path = BASE_PATH + operation.path
            route = by_path.setdefault(path, Route(pattern_of(path), tuple(_PLACEHOLDER.findall(path)), {}))
            route.methods[operation.method] = operation
        self._by_slashes: dict[int, list[Route]] = {}
        for path, route in sorted(by_path.items(), key=lambda item: len(item[1].fields)):
            self._by_slashes.setdefault(path.count("/"), []).append(route)
        self._explain = explain

    def resolve(self, method: str, raw_path: bytes) -> tuple[Operation, tuple[str, ...]]:
        """Return the operation and its decoded ids.

        Raises:
            RouteNotFoundError: No operation has this path.
            MethodNotAllowedError: Other methods have this path.
            InvalidFieldError: Names an id that is none.
        """
        allowed: set[str] = set()
        for route in self._by_slashes.get(raw_path.count(b"/"), ()):
            if match := route.pattern.fullmatch(raw_path):
                if operation := route.methods.get(method):
                    ids = zip(route.fields, match.groups(), strict=True)
                    return operation, tuple([_decoded(field, raw) for field, raw in ids])
                allowed |= route.methods.keys()
        if error := self._explain(method, raw_path):
            raise error
        if allowed:
            raise MethodNotAllowedError(tuple(sorted(allowed)))
        raise RouteNotFoundError


def pattern_of(path: str) -> re.Pattern[bytes]:
    """Return the pattern of a path, in which each id is one segment."""
    return re.compile(_PLACEHOLDER.sub("([^/]*)", path).encode())


def _decoded(field: str, raw: bytes) -> str:
    """Decode one id; strict where `urllib` is lenient."""
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise InvalidFieldError(field, "is not percent-encoded correctly")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidFieldError(field, "is not UTF-8") from None
    if not acceptable_segment(text):
        raise InvalidFieldError(field, ID_RULE)
    return text
