"""The error for a response that reports no success: its class, and what it says of the base URL."""

from __future__ import annotations

from typing import Final

import msgspec

from tokenvault_client._decoding import tolerant
from tokenvault_client._transports import Response
from tokenvault_client.errors import APIError, NotFoundError, RouteNotFoundError, class_for
from tokenvault_contract.operations import BASE_PATH, ENROL_INSTRUMENT, Operation
from tokenvault_contract.problems import PROBLEMS, Kind

_MAX_MESSAGE_LENGTH: Final = 200
_MAX_HELP_LENGTH: Final = 400
_DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NO_RECORD: Final = "_not_found"
"""The end of the codes that say that a record is missing. The code of a missing route is `request_failed`."""


class _ErrorBody(msgspec.Struct):
    """The body of an error response. A gateway may have written it, so no field is required."""

    message: str = ""
    code: str = ""
    type: str = ""
    help: str | None = None


_ERROR_BODY: Final = msgspec.json.Decoder(_ErrorBody)


def error_of(
    response: Response, operation: Operation, base_url: str, *, request_id: str, retry_after: float | None
) -> APIError:
    """Return the error of a response.

    The status determines the class, because a proxy may write the body. Only for a 404 the body counts as well: a wrong
    base URL must not look like a deleted card.
    """
    body, is_json = _decoded(response)
    kind = class_for(response.status)
    message = body.message[:_MAX_MESSAGE_LENGTH]
    if kind is NotFoundError and not _names_a_missing_record(body):
        kind = RouteNotFoundError
        message = f"{message or 'the response is not one of this API'}; {_advice(base_url, operation)}"
    elif response.status == 400 and not is_json and base_url.startswith("http:"):
        message += "; if this port speaks TLS, use https:// in base_url"
    error = kind(
        message,
        status=response.status,
        code=body.code,
        type=body.type,
        help=body.help,
        request_id=request_id,
        retry_after=retry_after,
        headers=response.headers,
        body=response.body,
    )
    if body.help:
        error.add_note(f"help: {body.help[:_MAX_HELP_LENGTH]}")  # a traceback shows it below the message
    return error


def _names_a_missing_record(body: _ErrorBody) -> bool:
    """Return whether a 404 is about an instrument or a customer, and not about the URL."""
    return body.type == PROBLEMS[Kind.NOT_FOUND].wire_type and body.code.endswith(_NO_RECORD)


def _advice(base_url: str, operation: Operation) -> str:
    """Return what the base URL misses, as far as its text shows."""
    if (whole := _with_base_path(base_url)) != base_url:
        return f"base_url is {base_url} and must end in {BASE_PATH}: try {whole}"
    own = f", and that it is a Tokenvault: Cashfree does not have {operation.name}"
    return (
        f"base_url is {base_url}: check its host, its port and the path before {BASE_PATH}"
        f"{own if operation is ENROL_INSTRUMENT else ''}"
    )


def _with_base_path(base_url: str) -> str:
    """Return a base URL that ends in the API's path: without what follows it, or with the path added."""
    scheme, _, rest = base_url.partition("://")
    host, *segments = rest.split("/")
    lower = [segment.lower() for segment in segments]
    path = BASE_PATH.removeprefix("/")
    kept = segments[: lower.index(path)] if path in lower else segments
    return f"{scheme}://{'/'.join([host, *kept, path])}"


def _decoded(response: Response) -> tuple[_ErrorBody, bool]:
    """Return the body of an error response, and whether it is a JSON object."""
    try:
        return _tolerant_error_body(response.body), True
    except _DECODE_ERRORS:
        redirect = ", and redirects are not followed" if 300 <= response.status < 400 else ""
        return _ErrorBody(f"the response is not one of this API{redirect}"), False


def _tolerant_error_body(body: bytes) -> _ErrorBody:
    try:
        return _ERROR_BODY.decode(body)
    except msgspec.ValidationError:
        return tolerant(_ErrorBody, msgspec.json.decode(body))
