"""Finds the operation of a request to the control plane, reads its fields, and answers in JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec

from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.emulator.control.bodies import Problem
from tokenvault_server.emulator.control.operations import OPERATIONS, ControlOperation
from tokenvault_server.emulator.control.plane import ControlPlane
from tokenvault_server.emulator.errors import ERRORS, ControlError
from tokenvault_server.errors import VaultError
from tokenvault_server.telemetry.logs import redact

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
MAX_BODY: Final = 64 * 1024 * 1024
"""A snapshot holds two databases."""


class Answer(NamedTuple):
    """A status and a JSON body."""

    status: int
    body: bytes


class _Route(NamedTuple):
    pattern: re.Pattern[str]
    operation: ControlOperation[Any, Any]


_ROUTES: Final = [
    _Route(re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", operation.path)), operation) for operation in OPERATIONS
]


def find(method: str, path: str) -> tuple[ControlOperation[Any, Any], dict[str, str]]:
    """Return the operation of a path, and the fields that the path names.

    Raises:
        ControlError: there is none; the error lists those of the path, or all paths.
    """
    matching = [(match, route.operation) for route in _ROUTES if (match := route.pattern.fullmatch(path))]
    for match, operation in matching:
        if operation.method == method:
            return operation, {name: unquote(value) for name, value in match.groupdict().items()}
    if matching:
        allowed = [f"{operation.method} {operation.path}" for _, operation in matching]
        raise ControlError.not_found("method_not_found", "the path has no such method", allowed)
    raise ControlError.not_found("path_not_found", "there is no such path", sorted({each.path for each in OPERATIONS}))


def read(operation: ControlOperation[Any, Any], fields: Mapping[str, str], query: str, body: bytes) -> Any:  # noqa: ANN401  # the struct that the operation takes
    """Return what an operation takes, from the path, the query and the body.

    Raises:
        ControlError: a field is missing, unknown or of the wrong type.
    """
    try:
        if operation.method in {"GET", "DELETE"}:
            given: Any = dict(parse_qsl(query, keep_blank_values=True)) | dict(fields)
            return msgspec.convert(given, operation.takes, strict=False)
        if not fields:
            return msgspec.json.decode(body or b"{}", type=operation.takes)
        return msgspec.convert(_object(body) | dict(fields), operation.takes)
    except msgspec.ValidationError as error:
        allowed = operation.takes.__struct_fields__
        raise ControlError.invalid("request", f"is not valid: {redact(str(error))}", allowed) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ControlError.invalid("request", "is not JSON", operation.takes.__struct_fields__) from None


def _object(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body or b"{}", type=dict[str, Any])


async def carry_out(plane: ControlPlane, operation: ControlOperation[Any, Any], request: Any) -> Any:  # noqa: ANN401  # as above
    """Carry out an operation and return its result.

    Raises:
        ControlError: it was refused, by the control plane or by the vault.
    """
    try:
        return await getattr(plane, operation.key)(request)
    except ControlError:
        raise
    except VaultError as error:
        if error.kind not in ERRORS:
            raise
        refused = ERRORS[error.kind](error.code, error.message)
    raise refused


async def answer(plane: ControlPlane, method: str, path: str, query: str, body: bytes) -> Answer:
    """Answer a request; every failure that can be foreseen is an answer."""
    try:
        operation, fields = find(method, path)
        result = await carry_out(plane, operation, read(operation, fields, query, body))
    except VaultError as error:
        return problem(error)
    return Answer(200, msgspec.json.encode(result))


def problem(error: VaultError) -> Answer:
    """Return an error as an answer."""
    allowed = error.allowed if isinstance(error, ControlError) else ()
    return Answer(PROBLEMS[error.kind].status, msgspec.json.encode(Problem(error.code, error.message, allowed)))
