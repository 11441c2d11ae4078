"""The page of all errors."""

from __future__ import annotations

import inspect
from typing import Any

from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server import errors
from tokenvault_server.errors import OperatorError, VaultError
from tools.reference.markdown import NOTE, assembled, first_paragraph, json_block, prose, table


def page() -> str:
    """Return the page of all errors."""
    kinds = [
        [str(problem.status), f"`{problem.wire_type}`", f"`{kind.value}`", problem.description]
        for kind, problem in PROBLEMS.items()
    ]
    classes = [error for _, error in inspect.getmembers(errors, _is_error)]
    for_callers = [_error(error) for error in classes if not _is_for_operators(error)]
    for_operators = [[f"`{error.__name__}`", first_paragraph(error)] for error in classes if _is_for_operators(error)]
    shape = {"message": "instrument is not found", "code": "instrument_not_found", "type": "invalid_request_error"}
    parts = [
        "# Errors",
        NOTE,
        prose(
            "Every failed call returns a body like this. From version 2025-01-01 on, it also has `help`, except for",
            "401 and 429. No message repeats what the caller sent.",
        ),
        json_block(shape),
        "## Statuses",
        table(["status", "type", "kind", "meaning"], kinds),
        "## Errors for callers",
        "`{field}` stands for the name of a field, a header or a part of the path.",
        table(["status", "code", "message", "when"], sorted(for_callers)),
        prose(
            "No answer says why a caller was not authenticated. An emulator says it on its terminal and status page:",
            "an unknown client id, a secret that is wrong, revoked or of another environment, a late signature.",
        ),
        "## Errors for operators",
        "The log and the command line show these with a hint. The caller gets 500 `internal_error` and the request id.",
        table(["error", "when"], for_operators),
    ]
    return assembled(parts)


def _is_error(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, VaultError)


def _is_for_operators(error: type[VaultError]) -> bool:
    return error.kind is Kind.INTERNAL or issubclass(error, OperatorError)


def _error(error: type[VaultError]) -> list[str]:
    placeholders: dict[str, Any] = {
        "field": "{field}",
        "supported": tuple(SUPPORTED),
        "message": "",
        "tsp_id": "{tsp_id}",
        "configured": (),
    }
    wanted = inspect.signature(error).parameters
    instance = error(**{name: placeholders[name] for name, each in wanted.items() if each.default is each.empty})
    status = str(PROBLEMS[instance.kind].status)
    return [status, f"`{instance.code}`", instance.message, first_paragraph(error)]
