"""The OpenAPI 3.1 document, rendered from the tables of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

import msgspec

from tokenvault_contract import headers
from tokenvault_contract.operations import ENROL_INSTRUMENT, OPERATIONS, Operation
from tokenvault_contract.payment_entities import REQUIRED
from tokenvault_contract.problems import PROBLEMS, ErrorBody, Kind
from tokenvault_contract.versions import LATEST, SUPPORTED

Json = dict[str, Any]

_SCHEMES: Final = {
    "XClientID": headers.CLIENT_ID,
    "XClientSecret": headers.CLIENT_SECRET,
    "XClientSignatureHeader": headers.CLIENT_SIGNATURE,
    "XPartnerAPIKey": headers.PARTNER_API_KEY,
    "XPartnerMerchantID": headers.PARTNER_MERCHANT_ID,
}
_PAIRS: Final = (
    ("XClientID", "XClientSecret"),
    ("XClientID", "XPartnerAPIKey"),
    ("XClientID", "XClientSignatureHeader"),
    ("XPartnerMerchantID", "XPartnerAPIKey"),
)
_ID: Final = {
    "type": "string",
    # An id is no dot segment and no template literal, and contains no control character.
    "pattern": r"^(?!\.{1,2}$)(?!\{.*\}$)(?!.*tv[sp]k_)[^\x00-\x1f\x7f-\x9f]{1,128}$",
    "description": "One path segment, percent-encoded. Dot segments, template literals, control characters and "
    "anything that looks like a card number are rejected.",
}
_REQUIRED_OF_ENROLMENT: Final = {
    "EnrolmentRequest": ["instrument_type", "card", "afa_reference", "consent"],
    "EnrolmentCard": ["card_number", "card_expiry_mm", "card_expiry_yy"],
    "EnrolmentConsent": ["given_at", "text_version"],
}
_REFERENCE: Final = {"type": "string", "pattern": r"^[\x21-\x7e]{1,64}$"}
_FIELDS: Final[dict[str, Json]] = {
    "EnrolmentRequest": {
        "instrument_type": {"type": "string", "enum": ["card"]},
        "afa_reference": _REFERENCE | {"description": "The payment that authenticated the card with a second factor."},
    },
    "EnrolmentCard": {
        "card_number": {
            "type": "string",
            "format": "card-number",
            "pattern": r"^[0-9]{12,19}$",
            "description": "With a valid check digit, in a range that the token service supports.",
        },
        "card_expiry_mm": {"type": "string", "pattern": r"^(0[1-9]|1[0-2])$"},
        "card_expiry_yy": {
            "type": "string",
            "format": "card-expiry-year",
            "description": "Two or four digits. The month must not have ended.",
        },
        "card_holder_name": {
            "type": "string",
            "format": "holder-name",
            "maxLength": 100,
            "description": "Printable. Sent to the token service, never stored.",
        },
    },
    "EnrolmentConsent": {
        "given_at": {
            "type": "string",
            "format": "date-time",
            "description": "The time at which the customer agreed, with its time zone. It must not be in the future.",
        },
        "text_version": _REFERENCE | {"description": "The version of the text that the customer agreed to."},
    },
}
_HEADER_DESCRIPTIONS: Final = {
    headers.API_VERSION: "The API version of the response.",
    headers.RATE_LIMIT: "Calls of this operation that the caller may make in a minute.",
    headers.RATE_REMAINING: "Calls that remain in the sliding minute.",
    headers.RATE_RETRY: "Seconds to wait; 0 while within the limit.",
    headers.RATE_TYPE: "`app_id` for the limit of a merchant, `ip` for that of an unauthenticated address.",
    headers.REQUEST_ID: "The request id that the caller sent, or a generated one.",
    headers.IDEMPOTENCY_KEY: "The idempotency key, if the caller sent one.",
    headers.IDEMPOTENCY_REPLAYED: "`true` if this response repeats the one to an earlier call with this key.",
}


def openapi_document(
    base_url: str = "http://127.0.0.1:8480/pg",
    *,
    title: str = "Tokenvault",
    operations: Sequence[Operation] = OPERATIONS,
) -> Json:
    """Return the whole document, in the newest shape, for a server at `base_url`. The caller may change all of it.

    Args:
        base_url: the server's address.
        title: the title.
        operations: the operations that the server has; an emulator also has those of `payment_operations`.
    """
    shared = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": LATEST,
            "description": "Saved cards as network tokens. Four operations match Cashfree's published Token Vault "
            "document; saving a card is this project's own route. Not affiliated with Cashfree.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "security": [{scheme: [] for scheme in pair} for pair in _PAIRS],
        "paths": _paths(operations),
        "components": {
            "schemas": _schemas(operations),
            "parameters": _parameters(operations),
            "headers": {name: _header(name) for name in headers.RESPONSE_HEADERS},
            "responses": {kind.value: _problem(kind) for kind in PROBLEMS if kind in _kinds(operations)},
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": header} for name, header in _SCHEMES.items()
            },
        },
    }
    return deepcopy(shared)  # it holds parts of this module


def _kinds(operations: Sequence[Operation]) -> set[Kind]:
    """Return the kinds of failure that a server can report; only an emulator reports that it has no such operation."""
    emulated = any(Kind.NOT_EMULATED in operation.problems for operation in operations)
    return set(PROBLEMS) - (set() if emulated else {Kind.NOT_EMULATED})


def _paths(operations: Sequence[Operation]) -> Json:
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _parameter_names(operation)],
        "responses": {
            str(operation.success): _success(operation),
            **{
                str(PROBLEMS[kind].status): {"$ref": f"#/components/responses/{kind.value}"}
                for kind in operation.problems
            },
        },
    }
    if operation.by_session:
        described["security"] = []
    if operation.takes:
        schema = {"$ref": f"#/components/schemas/{operation.takes.__name__}"}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _parameter_names(operation: Operation) -> list[str]:
    return [*_ids(operation), *operation.query, *headers.REQUEST_HEADERS]


def _ids(operation: Operation) -> list[str]:
    return [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]


def _success(operation: Operation) -> Json:
    schema: Json = {"$ref": f"#/components/schemas/{operation.returns.__name__}"}
    if operation.many:
        schema = {"type": "array", "items": schema}
    described: Json = {
        "description": "Created" if operation.success == 201 else "OK",
        "headers": _header_references(),
        "content": {"application/json": {"schema": schema}},
    }
    if operation is ENROL_INSTRUMENT:
        described["links"] = _links()
    return described


def _links() -> Json:
    """Return the links to the operations on the card that was just saved."""
    ids = {name: f"$response.body#/{name}" for name in ("customer_id", "instrument_id")}
    return {
        operation.name: {"operationId": operation.name, "parameters": ids}
        for operation in OPERATIONS
        if "{instrument_id}" in operation.path
    }


def _problem(kind: Kind) -> Json:
    return {
        "description": PROBLEMS[kind].description,
        "headers": _header_references(),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
    }


def _header_references() -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers.RESPONSE_HEADERS}


def _header(name: str) -> Json:
    numbers = {headers.RATE_LIMIT, headers.RATE_REMAINING, headers.RATE_RETRY}
    schema = {"type": "integer", "minimum": 0} if name in numbers else {"type": "string"}
    return {"description": _HEADER_DESCRIPTIONS[name], "required": name != headers.IDEMPOTENCY_KEY, "schema": schema}


def _parameters(operations: Sequence[Operation]) -> Json:
    ids = dict.fromkeys(name for operation in operations for name in _ids(operation))
    return {
        **{name: {"name": name, "in": "path", "required": True, "schema": _ID} for name in ids},
        "instrument_type": {
            "name": "instrument_type",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "enum": ["card"]},
        },
        headers.API_VERSION: {
            "name": headers.API_VERSION,
            "in": "header",
            "required": True,
            "schema": {"type": "string", "enum": list(SUPPORTED)},
        },
        headers.REQUEST_ID: {"name": headers.REQUEST_ID, "in": "header", "schema": _visible_ascii(0, 128)},
        headers.IDEMPOTENCY_KEY: {"name": headers.IDEMPOTENCY_KEY, "in": "header", "schema": _visible_ascii(1, 128)},
    }


def _visible_ascii(min_length: int, max_length: int) -> Json:
    return {"type": "string", "pattern": rf"^[\x21-\x7e]{{{min_length},{max_length}}}$"}


def _schemas(operations: Sequence[Operation]) -> Json:
    bodies = dict.fromkeys(body for each in operations for body in (each.returns, each.takes) if body)
    _, schemas = msgspec.json.schema_components([*bodies, ErrorBody], ref_template="#/components/schemas/{name}")
    for struct, names in REQUIRED.items():
        if struct.__name__ in schemas:
            schemas[struct.__name__]["required"] = list(names)
    for name, required in _REQUIRED_OF_ENROLMENT.items():
        # The structs accept absent fields, because a missing field has its own error code. The contract requires them.
        schemas[name]["required"] = required
        for field, schema in _FIELDS[name].items():
            schemas[name]["properties"][field] = schema
    return schemas
