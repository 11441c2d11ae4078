"""The API page: operations, headers and bodies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
_OF_THE_DOCUMENT: Final = {400, 401, 404, 409, 422, 429, 500}
"""For every operation; the document lists 502 too, except for the list of all saved cards."""
_STRICT: Final = [
    ["customer id", "3 to 50 letters and digits; its examples have underscores", "1 to 128 characters of any script"],
    [f"`{headers.IDEMPOTENCY_KEY}`", "a UUID; none before version 2023-08-01", "1 to 128 visible ASCII characters"],
]


def page() -> str:
    """Return the API page: operations, headers and bodies."""
    components = openapi_document()["components"]
    schemes = [[f"`{scheme['name']}`", name] for name, scheme in components["securitySchemes"].items()]
    sent = [[f"`{name}`", "yes" if name == headers.API_VERSION else "no"] for name in headers.REQUEST_HEADERS]
    returned = [[f"`{name}`", header["description"]] for name, header in components["headers"].items()]
    parts = [
        "# API",
        NOTE,
        prose(
            f"Every path begins with `{BASE_PATH}`. Bodies are JSON in UTF-8. [Versions](versions.md) shows the bodies",
            "of older versions, and [errors](errors.md) lists the error bodies. The same as OpenAPI 3.1: the",
            "[document](openapi.json) of the newest version; `tokenvault openapi --version DATE` prints another. The",
            "emulator serves both on its admin listener, as `/openapi.json?version=DATE`.",
        ),
        "## Authentication",
        prose(
            "A call authenticates with one of four pairs of headers. If it sends several, the vault uses the partner's",
            "key first, then the secret, then the signature, and ignores the others.",
        ),
        table(["pair", "who acts"], _PAIRS_OF_CREDENTIALS),
        prose(
            "With a partner's key, `x-partner-merchantid` names the merchant; without that header, the client id does.",
            "A partner acts only for merchants that it is linked to.",
        ),
        prose(
            '`x-client-signature` is `base64(RSA-OAEP(public key, client id + "." + unix seconds))`, with SHA-1 or',
            f"SHA-256 padding. It is accepted for {signatures.LIFETIME_SECONDS // 60} minutes; a clock may be",
            f"{signatures.SKEW_SECONDS} seconds ahead. `serve` accepts it only with the setting `signature_auth`,",
            "because anyone who has the public key can make one, and one can be used again until it expires.",
            "[Rotate credentials](../how-to/rotate-credentials.md) shows how to create and replace credentials.",
        ),
        table(["header", "scheme"], schemes),
        "## Limits",
        prose(
            "The vault accepts more than Cashfree documents. `tokenvault emulator --strict` rejects it with 400, so",
            "that tests find it. Saving a card is not in the document: only its customer id is checked.",
        ),
        table(["value", "documented", "accepted here"], _STRICT),
        "## Request headers",
        table(["header", "required"], sent),
        "## Response headers",
        table(["header", "meaning"], returned),
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
    can_occur = {PROBLEMS[kind].status for kind in operation.problems}
    limit = Budgets().per_operation[operation.key]
    yield f"A merchant may call it {limit} times a minute, unless configured otherwise."
    yield f"Error statuses: {_listed(can_occur)}."
    if operation.documented:
        yield "403 is not in the published document ([why](../adr/0033-a-suspended-merchant-gets-403.md))."
    documented = _OF_THE_DOCUMENT if operation.many else {*_OF_THE_DOCUMENT, 502}
    if operation.documented and (never := documented - can_occur):
        yield f"The published document also lists statuses that never occur here: {_listed(never)}."


def _listed(statuses: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(statuses)))


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
    # Saving returns the same shape as fetching.
    return recorded_answer(LATEST, operation.key) if operation.documented else recorded_answer(LATEST)
