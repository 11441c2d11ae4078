"""Routes: from a path to an operation of the contract's table, with ids decoded exactly once, after routing.

The raw path is split before anything is decoded, so no id can change the route: `a%2Fb` is one id, and `..` is an
invalid id, not a step upwards.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from tokenvault_contract.operations import BASE_PATH, OPERATIONS, Operation
from tokenvault_server.domain.identifiers import ID_RULE, acceptable_segment
from tokenvault_server.errors import InvalidFieldError, MethodNotAllowedError, RouteNotFoundError

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Route(NamedTuple):
    """All operations on one path."""

    pattern: re.Pattern[bytes]
    fields: tuple[str, ...]
    methods: dict[str, Operation]


def _routes() -> dict[int, Route]:
    """Make the routes from the contract's table, by their number of slashes, which differs for every path.

    An id is one segment of the raw path, empty or not.
    """
    by_path: dict[str, Route] = {}
    for operation in OPERATIONS:
        path = BASE_PATH + operation.path
        pattern = re.compile(_PLACEHOLDER.sub("([^/]*)", path).encode())
        route = by_path.setdefault(path, Route(pattern, tuple(_PLACEHOLDER.findall(path)), {}))
        route.methods[operation.method] = operation
    return {path.count("/"): route for path, route in by_path.items()}


ROUTES: Final = _routes()


def resolve(method: str, raw_path: bytes) -> tuple[Operation, tuple[str, ...]]:
    """Return the operation and its decoded ids.

    Raises:
        RouteNotFoundError: No operation has this path.
        MethodNotAllowedError: Other methods have this path.
        InvalidFieldError: Names an id that is none.
    """
    route = ROUTES.get(raw_path.count(b"/"))
    match = route.pattern.fullmatch(raw_path) if route else None
    if route is None or match is None:
        raise RouteNotFoundError
    operation = route.methods.get(method)
    if operation is None:
        raise MethodNotAllowedError(tuple(sorted(route.methods)))
    return operation, tuple([_decoded(field, raw) for field, raw in zip(route.fields, match.groups(), strict=True)])


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
