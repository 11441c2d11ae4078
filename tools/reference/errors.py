"""The page of all errors."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server import errors
from tokenvault_server.api.help_texts import TEST_CARDS, TEXTS, section_of
from tokenvault_server.api.problems import WITHOUT_HELP
from tokenvault_server.errors import OperatorError, VaultError
from tools.reference.markdown import NOTE, assembled, first_paragraph, json_block, prose, table


def page() -> str:
    """Return the page of all errors."""
    kinds = [
        [str(problem.status), f"`{problem.wire_type}`", f"`{kind.value}`", problem.description]
        for kind, problem in PROBLEMS.items()
    ]
    classes = [error for _, error in inspect.getmembers(errors, _is_error)]
    entries = _entries(classes)
    for_operators = [[f"`{error.__name__}`", first_paragraph(error)] for error in classes if _is_for_operators(error)]
    shape = {"message": "instrument is not found", "code": "instrument_not_found", "type": "invalid_request_error"}
    parts = [
        "# Errors",
        NOTE,
        prose(
            "Every failed call returns a body like this. From version 2025-01-01 on, it also has `help`, except for",
            "401 and 429: what to do, and the address of the error's entry below. No message repeats what the caller",
            "sent.",
        ),
        json_block(shape),
        "## Statuses",
        table(["status", "type", "kind", "meaning"], kinds),
        "## Errors for callers",
        "`{field}` stands for the name of a field, a header or a part of the path.",
        table(["status", "code", "message"], [entry.row() for entry in entries]),
        prose(
            "No answer says why a caller was not authenticated. An emulator says it on its terminal and status page:",
            "an unknown client id, a secret that is wrong, revoked or of another environment, a late signature.",
        ),
        *(part for entry in entries for part in entry.parts()),
        "## Errors for operators",
        "The log and the command line show these with a hint. The caller gets 500 `internal_error` and the request id.",
        table(["error", "when"], for_operators),
    ]
    return assembled(parts)


def _is_error(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, VaultError)


def _is_for_operators(error: type[VaultError]) -> bool:
    return error is not VaultError and (error.kind is Kind.INTERNAL or issubclass(error, OperatorError))


@dataclass(frozen=True)
class _Entry:
    """One status and code on the wire, with the classes that have both."""

    section: str
    status: int
    code: str
    message: str
    when: tuple[str, ...]
    help: str | None

    def row(self) -> list[str]:
        """Return the row of the table, which leads to the section."""
        return [str(self.status), f"[`{self.code}`](#{self.section})", self.message]

    def parts(self) -> list[str]:
        """Return the section."""
        return [f"### {self.status} `{self.code}`", *self.when, f"Help: {self.help}" if self.help else ""]


def _entries(classes: list[type[VaultError]]) -> list[_Entry]:
    """Return the entries of the errors that callers get, by status and code."""
    found: dict[str, _Entry] = {}
    for error in classes:
        if _is_for_operators(error):
            continue
        instance = _instance(error)
        section = section_of(error)
        before = found[section].when if section in found else ()
        when = (*before, first_paragraph(error))
        help_text = (
            None
            if instance.kind in WITHOUT_HELP
            else TEXTS[_base(error)].replace(TEST_CARDS, "[the page of test cards](test-cards.md)")
        )
        found[section] = _Entry(
            section, PROBLEMS[instance.kind].status, instance.code, instance.message, when, help_text
        )
    return [found[section] for section in sorted(found)]


def _base(error: type[VaultError]) -> type[VaultError]:
    return next(base for base in error.__mro__ if base in TEXTS)


def _instance(error: type[VaultError]) -> VaultError:
    placeholders: dict[str, Any] = {
        "field": "{field}",
        "supported": tuple(SUPPORTED),
        "tsp_id": "{tsp_id}",
        "configured": (),
    }
    wanted = inspect.signature(error).parameters
    return error(**{name: placeholders[name] for name, each in wanted.items() if each.default is each.empty})
