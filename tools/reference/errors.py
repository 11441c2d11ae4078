"""The page of everything that can go wrong."""

from __future__ import annotations

import inspect
from typing import Any

from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server import errors
from tokenvault_server.errors import OperatorError, VaultError
from tools.reference.markdown import NOTE, assembled, first_paragraph, json_block, prose, table


def page() -> str:
    """Give the page of everything that can go wrong."""
    kinds = [
        [str(problem.status), f"`{problem.wire_type}`", f"`{kind.value}`", problem.description]
        for kind, problem in PROBLEMS.items()
    ]
    classes = [error for _, error in inspect.getmembers(errors, _is_error)]
    message = [_error(error) for error in classes if not _is_for_operators(error)]
    operators = [[f"`{error.__name__}`", first_paragraph(error)] for error in classes if _is_for_operators(error)]
    shape = {"message": "instrument is not found", "code": "instrument_not_found", "type": "invalid_request_error"}
    parts = [
        "# Errors",
        NOTE,
        prose(
            "Every failed call is answered like this, with `help` beside it for versions from 2025-01-01 on, except",
            "for 401 and 429. No message repeats what was sent.",
        ),
        json_block(shape),
        "## Statuses",
        table(["status", "type", "kind", "meaning"], kinds),
        "## What callers are told",
        "`{field}` is the name of a field, a header or a part of the path.",
        table(["status", "code", "message", "when"], sorted(message)),
        "## What operators are told",
        "A caller gets 500 `internal_error` and the request id; the log and the command line get these, with a hint.",
        table(["error", "when"], operators),
    ]
    return assembled(parts)


def _is_error(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, VaultError)


def _is_for_operators(error: type[VaultError]) -> bool:
    return error.kind is Kind.INTERNAL or issubclass(error, OperatorError)


def _error(error: type[VaultError]) -> list[str]:
    stand_ins: dict[str, Any] = {"field": "{field}", "supported": tuple(SUPPORTED), "message": ""}
    wanted = inspect.signature(error).parameters
    made = error(**{name: stand_ins[name] for name, each in wanted.items() if each.default is each.empty})
    status = str(PROBLEMS[made.kind].status)
    return [status, f"`{made.code}`", made.message, first_paragraph(error)]
