"""From a path to an operation: made from the contract's table, with ids decoded exactly once, after routing.

The raw path is split before anything is decoded, so no id can change the route: `a%2Fb` is one id, and `..` is an id
that is refused, not a step upwards.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from tokenvault_contract.operations import BASE_PATH, OPERATIONS, Operation
from tokenvault_server.domain.identifiers import acceptable_segment
from tokenvault_server.errors import InvalidFieldError, MethodNotAllowedError, RouteNotFoundError

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Template = tuple[bytes | None, ...]
"""A path's segments; None where an id stands."""


def _template(operation: Operation) -> Template:
    segments = (BASE_PATH + operation.path).encode().split(b"/")[1:]
    return tuple(None if segment.startswith(b"{") else segment for segment in segments)


def _fields(operation: Operation) -> tuple[str, ...]:
    return tuple(part[1:-1] for part in operation.path.split("/") if part.startswith("{"))


_BY_LENGTH: dict[int, list[tuple[Template, tuple[str, ...], dict[str, Operation]]]] = {}
for _operation in OPERATIONS:
    _same = _BY_LENGTH.setdefault(len(_template(_operation)), [])
    for _known, _, _methods in _same:
        if _known == _template(_operation):
            _methods[_operation.method] = _operation
            break
    else:
        _same.append((_template(_operation), _fields(_operation), {_operation.method: _operation}))


def resolve(method: str, raw_path: bytes) -> tuple[Operation, tuple[str, ...]]:
    """Give the operation and its decoded ids.

    Raises RouteNotFoundError, MethodNotAllowedError, or InvalidFieldError that names the id which cannot be one.
    """
    segments = raw_path.split(b"/")[1:]
    for template, fields, methods in _BY_LENGTH.get(len(segments), ()):
        ids = _match(template, segments)
        if ids is None:
            continue
        operation = methods.get(method)
        if operation is None:
            raise MethodNotAllowedError(tuple(sorted(methods)))
        return operation, tuple([_decoded(field, raw) for field, raw in zip(fields, ids, strict=True)])
    raise RouteNotFoundError


def _match(template: Template, segments: list[bytes]) -> list[bytes] | None:
    ids = []
    for wanted, segment in zip(template, segments, strict=True):
        if wanted is None:
            ids.append(segment)
        elif wanted != segment:
            return None
    return ids


def _decoded(field: str, raw: bytes) -> str:
    """Give one id as text; strict where `urllib` is lenient."""
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise InvalidFieldError(field, "is not percent-encoded correctly")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidFieldError(field, "is not UTF-8") from None
    if not acceptable_segment(text):
        raise InvalidFieldError(field)
    return text
