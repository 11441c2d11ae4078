"""Calls in the manner of the cashfree_pg SDK: its arguments, keywords and attributes, and our way to the server.

The drop-in of that name (a distribution of its own) and `cashfree.route_token_vault` share this. What a call needs is
read when it is made, into values that do not change: whoever changes an attribute later changes later calls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from tokenvault_client import _calls
from tokenvault_client._base import trusted
from tokenvault_client._calls import Call
from tokenvault_client._flow import OWN_HEADERS, Caller, flow
from tokenvault_client._options import HOSTS, Options, at_least_one, check_header, checked
from tokenvault_client._options import base_url as checked_base_url
from tokenvault_client._transports import Connecting, Transport
from tokenvault_client.client import carried_out
from tokenvault_client.errors import UsageError
from tokenvault_client.results import Answer
from tokenvault_contract import headers as names
from tokenvault_contract.operations import (
    DELETE_INSTRUMENT,
    FETCH_CRYPTOGRAM,
    FETCH_INSTRUMENT,
    FETCH_INSTRUMENTS,
    Operation,
)
from tokenvault_contract.versions import LATEST

Headers = tuple[tuple[str, str], ...]

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation
    for operation in (DELETE_INSTRUMENT, FETCH_CRYPTOGRAM, FETCH_INSTRUMENT, FETCH_INSTRUMENTS)
}
OPTIONS: Final = frozenset(
    {
        "async_req",
        "_return_http_data_only",
        "_preload_content",
        "_request_timeout",
        "_request_auth",
        "_content_type",
        "_headers",
    }
)
VERSION: Final = "x_api_version"
DOCUMENTED_VERSION: Final = "2023-08-01"
"""What the document calls the default of `x_api_version`, where that is an argument."""

_CREDENTIALS: Final = {
    "XClientId": names.CLIENT_ID,
    "XClientSecret": names.CLIENT_SECRET,
    "XClientSignature": names.CLIENT_SIGNATURE,
    "XPartnerKey": names.PARTNER_API_KEY,
    "XPartnerMerchantId": names.PARTNER_MERCHANT_ID,
}
_PAIRS: Final = (
    {names.CLIENT_ID, names.CLIENT_SECRET},
    {names.CLIENT_ID, names.CLIENT_SIGNATURE},
    {names.CLIENT_ID, names.PARTNER_API_KEY},
    {names.PARTNER_MERCHANT_ID, names.PARTNER_API_KEY},
)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_CALLS: Final[Mapping[str, Callable[[str, str], Call[Any]]]] = {
    DELETE_INSTRUMENT.name: _calls.delete_instrument,
    FETCH_CRYPTOGRAM.name: _calls.fetch_cryptogram,
    FETCH_INSTRUMENT.name: _calls.fetch_instrument,
    FETCH_INSTRUMENTS.name: _calls.fetch_instruments,
}


class Where(NamedTuple):
    """Where calls go and what signs them in, as it was when the call was made."""

    base_url: str
    sign_in: Headers
    transport: Transport
    max_retries: int = 2
    headers: Headers = ()
    """Sent unless the call says otherwise."""

    def __repr__(self) -> str:
        """Show where, never who."""
        return f"<Where {self.base_url}>"


class Asked(NamedTuple):
    """One call as it was written, its arguments by their names."""

    operation: Operation
    arguments: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def which(self) -> str:
        """The name of the argument after the customer."""
        return _which(self.operation)


def base_url(cashfree: object, configured: str | None = None) -> str:
    """Gives where an object's calls go: its `XBaseUrl`, what is configured, `CASHFREE_BASE_URL`, or its environment.

    Raises:
        UsageError: Its environment is none.
    """
    if url := getattr(cashfree, "XBaseUrl", None) or configured or os.environ.get("CASHFREE_BASE_URL"):
        return str(url)
    environment = getattr(getattr(cashfree, "XEnvironment", None), "name", "")
    if host := HOSTS.get(environment.lower()):
        return host
    raise UsageError("XEnvironment is Cashfree.SANDBOX or Cashfree.PRODUCTION")


@cache
def transport(ca_file: str | None = None, max_connections: int = 100) -> Transport:
    """Gives the connections that all calls with these options share.

    Raises:
        UsageError: There is no certificate in the file, or there would be no connection.
    """
    from tokenvault_client._transports.http1.threads import Http1Transport

    return Http1Transport(Connecting(max_connections=at_least_one(max_connections), ca_pem=trusted(ca_file)))


def parameters(operation: Operation) -> tuple[str, ...]:
    """Gives the names of a method's arguments in the order of 4.x and 5.x; 6.x leaves the first one out."""
    return (VERSION, "customer_id", _which(operation), "x_request_id", "x_idempotency_key")


def _which(operation: Operation) -> str:
    return operation.query[0] if operation.query else "instrument_id"


def asked(name: str, given: tuple[Any, ...], named: Mapping[str, Any], *, version_first: bool) -> Asked:
    """Puts the arguments of a method where they belong.

    Raises:
        TypeError: As Python does for its own functions.
    """
    operation = OPERATIONS[name]
    order = parameters(operation)[0 if version_first else 1 :]
    if len(given) > len(order):
        raise TypeError(f"{name}() takes {len(order)} positional arguments but {len(given)} were given")
    arguments = dict(zip(order, given, strict=False))
    options = {}
    for key, value in named.items():
        if key in arguments:
            raise TypeError(f"{name}() got multiple values for argument '{key}'")
        if key in OPTIONS:
            options[key] = value
        elif key in order or key == VERSION:
            arguments[key] = value
        else:
            raise TypeError(f"Got an unexpected keyword argument '{key}' to method {name}")
    for key in ("customer_id", _which(operation)):
        if key not in arguments:
            raise TypeError(f"{name}() missing required argument: '{key}'")
    return Asked(operation, arguments, options)


def begins_with_version(given: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Tells whether the first argument is the version of 5.x: a date is taken for one, never for a customer's id."""
    return bool(given) and VERSION not in named and isinstance(given[0], str) and bool(_DATE.fullmatch(given[0]))


def signed_in(cashfree: object, request_auth: Mapping[str, str] | None = None) -> Headers:
    """Gives the headers that sign a call in: what an object or its class holds now, or one header in its place.

    Raises:
        UsageError: They make no pair that the API knows.
    """
    if request_auth:
        if request_auth.get("in") != "header":
            raise UsageError("Authentication token must be in `header`: addresses are logged")
        return ((request_auth["key"].lower(), request_auth["value"]),)
    found = tuple((header, value) for name, header in _CREDENTIALS.items() if (value := getattr(cashfree, name, None)))
    if not any(pair <= {header for header, _ in found} for pair in _PAIRS):
        raise UsageError("set XClientId with XClientSecret, or another of the four pairs of credentials")
    return found


def perform(where: Where, call: Asked, *, version: str | None) -> Answer[bytes]:
    """Makes the call and gives the answer with its body as it came. `version` is for calls that name none.

    Raises:
        TokenVaultError: It failed, or could not be made as it was asked for.
    """
    headers = _headers(where, call)
    version = call.arguments.get(VERSION) or headers.pop(names.API_VERSION, None) or version or LATEST
    request_id = call.arguments.get("x_request_id") or headers.pop(names.REQUEST_ID, None)
    key = call.arguments.get("x_idempotency_key") or headers.pop(names.IDEMPOTENCY_KEY, None)
    for name, value in where.sign_in:
        check_header(name, value)
    own = OWN_HEADERS | dict(where.sign_in).keys()
    extra = tuple((name, value) for name, value in headers.items() if name not in own)
    options = checked(Options(api_version=version, max_retries=where.max_retries, headers=extra))
    caller = Caller(_checked(where.base_url), lambda: where.sign_in, options)
    what = _CALLS[call.operation.name](call.arguments["customer_id"], call.arguments[call.which])
    seconds = _seconds(call.options.get("_request_timeout"))
    steps = flow(caller, what._replace(read=bytes), request_id=request_id, idempotency_key=key, timeout=seconds)
    return carried_out(steps, where.transport)


@lru_cache(maxsize=64)
def _checked(url: str) -> str:
    """Gives an address back that secrets may be sent to; each is looked at once, though it may change between calls."""
    return checked_base_url(None, url, allow_plain_http=False)


def _headers(where: Where, call: Asked) -> dict[str, str]:
    given = call.options.get("_headers") or {}
    return {name.lower(): value for name, value in (*given.items(), *where.headers)}


def _seconds(timeout: Any) -> float | None:  # noqa: ANN401  # whatever a merchant's code has there
    """Gives the time for the whole call; a pair, for connecting and for reading, is added up."""
    match timeout:
        case None | 0:
            return None
        case int() | float():
            return timeout
        case (connect, read):
            return float((connect or 0) + (read or 0)) or None
        case _:
            raise UsageError("_request_timeout is a number of seconds, or a pair of them")
