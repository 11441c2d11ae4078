"""The page of operations, headers and bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tokenvault_contract import headers, signatures
from tokenvault_contract.openapi import openapi_document
from tokenvault_contract.operations import BASE_PATH, OPERATIONS, Operation
from tokenvault_contract.problems import PROBLEMS
from tokenvault_contract.versions import LATEST
from tokenvault_server.api.rate_limits import Budgets
from tools.reference.markdown import NOTE, assembled, json_block, prose, table
from tools.reference.recorded import recorded_answer

_PAIRS_OF_CREDENTIALS: Final = [
    [f"`{headers.CLIENT_ID}`, `{headers.CLIENT_SECRET}`", "the merchant"],
    [f"`{headers.CLIENT_ID}`, `{headers.PARTNER_API_KEY}`", "a partner for the merchant"],
    [f"`{headers.PARTNER_MERCHANT_ID}`, `{headers.PARTNER_API_KEY}`", "a partner for the merchant"],
    [f"`{headers.CLIENT_ID}`, `{headers.CLIENT_SIGNATURE}`", "the merchant"],
]


def page() -> str:
    """Give the page of operations, headers and bodies."""
    components = openapi_document()["components"]
    schemes = [[f"`{scheme['name']}`", name] for name, scheme in components["securitySchemes"].items()]
    sent = [[f"`{name}`", "yes" if name == headers.API_VERSION else "no"] for name in headers.REQUEST_HEADERS]
    message = [[f"`{name}`", header["description"]] for name, header in components["headers"].items()]
    parts = [
        "# API",
        NOTE,
        prose(
            f"Every path begins with `{BASE_PATH}`. Bodies are JSON in UTF-8. What a body looked like in older",
            "versions is in [versions](versions.md), what failures say in [errors](errors.md).",
        ),
        "## Signing in",
        prose(
            "A call signs in with one of four pairs. A partner's key decides if one is sent, else a secret, else a",
            "signature; what the others say is not looked at.",
        ),
        table(["pair", "who acts"], _PAIRS_OF_CREDENTIALS),
        prose(
            "With a partner's key, `x-partner-merchantid` names the merchant; without it, its client id does. Partners",
            "act only for merchants they are linked to. `x-client-signature` is",
            '`base64(RSA-OAEP(public key, client id + "." + unix seconds))`, padded with SHA-1 or SHA-256, accepted',
            f"for {signatures.LIFETIME_SECONDS // 60} minutes",
            f"(a clock may be {signatures.SKEW_SECONDS} seconds ahead), by `serve` only with the setting",
            "`signature_auth`: whoever holds the public key can make one, and one can be used again",
            "until its time is over. How credentials are made and replaced:",
            "[rotate credentials](../how-to/rotate-credentials.md).",
        ),
        table(["header", "scheme"], schemes),
        "## Headers of a call",
        table(["header", "required"], sent),
        "## Headers of every answer",
        table(["header", "meaning"], message),
        *(part for operation in OPERATIONS for part in _operation(operation, components["schemas"])),
    ]
    return assembled(parts)


def _operation(operation: Operation, schemas: dict[str, Any]) -> Iterator[str]:
    yield f"## {operation.summary}"
    names = f"`{operation.name}` in the SDKs, `{operation.key}` in settings and metrics."
    yield f"`{operation.method} {BASE_PATH}{operation.path}`"
    yield names if operation.documented else names.replace("in the SDKs", "in OpenAPI")
    yield operation.description
    if not operation.documented:
        yield "The published document does not have this operation."
    if operation.query:
        yield "Query: " + ", ".join(f"`{name}=card`" for name in operation.query) + "."
    if operation.takes:
        yield f"Body, `{operation.takes.__name__}`:"
        yield table(["field", "type", "required"], _fields(operation.takes.__name__, schemas))
    several = "a list of " if operation.many else ""
    yield f"Answer {operation.success}, {several}`{operation.returns.__name__}`:"
    yield json_block(_example(operation))
    statuses = ", ".join(str(status) for status in sorted(PROBLEMS[kind].status for kind in operation.problems))
    limit = Budgets().per_operation[operation.key]
    yield f"Failures: {statuses}. A merchant may call it {limit} times a minute, unless configured."


def _fields(name: str, schemas: dict[str, Any], prefix: str = "") -> list[list[str]]:
    rows = []
    schema = schemas[name]
    for field, described in schema["properties"].items():
        required = "yes" if field in schema.get("required", ()) else "no"
        inner = described.get("$ref", "").rpartition("/")[2]
        rows.append([f"`{prefix}{field}`", "object" if inner else described["type"], required])
        rows += _fields(inner, schemas, f"{prefix}{field}.") if inner else []
    return rows


def _example(operation: Operation) -> Any:  # noqa: ANN401  # any JSON
    # What saving answers has the shape of what fetching answers.
    return recorded_answer(LATEST, operation.key) if operation.documented else recorded_answer(LATEST)
