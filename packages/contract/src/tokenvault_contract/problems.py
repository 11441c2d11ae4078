"""The kinds of failure that the API reports, with the status and the wire type of each.

The server renders errors from this table, the client maps statuses back with it, and the reference page is generated
from it. Statuses and types are those of the published Token Vault document.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """The kind of a failure. It says whose fault the failure is, and determines the status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    IDEMPOTENCY = "idempotency"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    NOT_EMULATED = "not_emulated"
    UPSTREAM = "upstream"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Problem:
    """The representation of one kind of failure on the wire."""

    status: int
    wire_type: str
    description: str


PROBLEMS: dict[Kind, Problem] = {
    Kind.INVALID: Problem(400, "invalid_request_error", "Bad request error"),
    Kind.UNAUTHENTICATED: Problem(401, "authentication_error", "Authentication Error"),
    # The document lists no 403. The official SDKs have an exception for it (docs/adr/0033).
    Kind.FORBIDDEN: Problem(403, "authentication_error", "Merchant or partner suspended"),
    Kind.NOT_FOUND: Problem(404, "invalid_request_error", "Resource Not found"),
    # The document lists neither 405 nor 413. RFC 9110 defines them for a wrong method and for an oversized body.
    Kind.METHOD_NOT_ALLOWED: Problem(405, "invalid_request_error", "Method not allowed"),
    Kind.CONFLICT: Problem(409, "invalid_request_error", "Resource already present"),
    Kind.TOO_LARGE: Problem(413, "invalid_request_error", "Request body too large"),
    Kind.IDEMPOTENCY: Problem(422, "idempotency_error", "Idempotency error"),
    Kind.RATE_LIMITED: Problem(429, "rate_limit_error", "Rate Limit Error"),
    Kind.INTERNAL: Problem(500, "api_error", "API related Error"),
    # RFC 9110 defines it. Only an emulator returns it, for the parts of Cashfree's API that it does not have.
    Kind.NOT_EMULATED: Problem(501, "api_error", "Not emulated"),
    Kind.UPSTREAM: Problem(502, "api_error", "Bank related Error"),
    # Only the health checks use it. The API itself returns 500 while the vault cannot work.
    Kind.UNAVAILABLE: Problem(503, "api_error", "Not ready"),
}


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every failed call: three fields, and a fourth in newer API versions."""

    message: str
    code: str
    type: str
    help: str | msgspec.UnsetType = msgspec.UNSET
