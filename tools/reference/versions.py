"""The page of the API's dated versions."""

from __future__ import annotations

from tokenvault_contract import headers
from tokenvault_contract.versions import LATEST, SUPPORTED
from tokenvault_server.api.versions import CHANGES
from tools.reference.markdown import NOTE, assembled, json_block, prose, table
from tools.reference.recorded import recorded_answer


def page() -> str:
    """Return the page of the API's dated versions."""
    changes = {change.version: change.summary for change in CHANGES}
    rows = [[f"`{version}`", changes.get(version, "No change to these operations.")] for version in SUPPORTED]
    parts = [
        "# Versions",
        NOTE,
        prose(
            f"`{headers.API_VERSION}` is required on every call and names one of these. The newest is `{LATEST}`.",
            "Internally, the vault uses only the newest shape. For an older version, it undoes the later changes.",
            "Every answer has the shape of the version that its call names. So has an error, even if the call has no",
            "valid id, route or credentials. Values in angle brackets below differ from card to card.",
        ),
        prose(
            "The setting `deprecated_versions` gives a version a deprecation day. Every answer in that version then",
            f"has the day in `{headers.DEPRECATED_AT}`. By default, no version has one.",
        ),
        table(["version", "what it changed"], rows),
        f"## A saved card in {LATEST}",
        json_block(recorded_answer(LATEST)),
        f"## The same in {SUPPORTED[0]}",
        json_block(recorded_answer(SUPPORTED[0])),
    ]
    return assembled(parts)
