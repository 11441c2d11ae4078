"""The calling convention of the `cashfree_pg` SDK: its arguments, keywords and attributes.

The drop-in distribution of that name and `cashfree.route_token_vault` share this module. It reads everything that a
call needs when the call is made, into immutable values. A later change of an attribute affects later calls only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from tokenvault_client import _arguments as checks
from tokenvault_client import _calls
from tokenvault_client._base import read_ca_file
from tokenvault_client._calls import Call
from tokenvault_client._flow import Caller, flow
from tokenvault_client._headers import Headers, check_header, official_headers
from tokenvault_client._options import HOSTS, Options, validated
from tokenvault_client._options import base_url as resolve_base_url
from tokenvault_client._secrets import Secret, hides_locals
from tokenvault_client._transports import Connecting, Transport
from tokenvault_client.client import run_flow
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

METHODS: Final[Mapping[str, Operation]] = {
    operation.name: operation
    for operation in (DELETE_INSTRUMENT, FETCH_CRYPTOGRAM, FETCH_INSTRUMENT, FETCH_INSTRUMENTS)
}
"""The operations of the SDK's four Token Vault methods, by the names of the methods."""
VERSION_ARGUMENT: Final = "x_api_version"
"""The name of the argument that carries the API version."""
DEFAULT_VERSION: Final = "2023-08-01"
"""The documented default of `x_api_version`, in releases that have this argument."""

_OPTIONS: Final = frozenset(
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
_SECRET_OPTIONS: Final = frozenset({"_headers", "_request_auth"})
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
_HANDLED: Final = frozenset({*names.REQUEST_HEADERS, *names.CREDENTIALS})
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_CALLS: Final[Mapping[str, Callable[[str, str], Call[Any]]]] = {
    DELETE_INSTRUMENT.name: _calls.delete_instrument,
    FETCH_CRYPTOGRAM.name: _calls.fetch_cryptogram,
    FETCH_INSTRUMENT.name: _calls.fetch_instrument,
    FETCH_INSTRUMENTS.name: _calls.fetch_instruments,
}


class CallTarget(NamedTuple):
    """The address, the credentials and the transport of a call, as they were when the call was made."""

    base_url: str
    credentials: Secret[Headers]
    transport: Transport
    max_retries: int = 2
    headers: Secret[Headers] = Secret(())
    """Additional headers. A header of the call takes precedence."""

    def __repr__(self) -> str:
        """Show the address, but no credentials."""
        return f"<CallTarget {self.base_url}>"


class RequestedCall(NamedTuple):
    """A call of one of the SDK's methods, with its arguments by name."""

    operation: Operation
    arguments: Mapping[str, Any]
    options: Mapping[str, Any]
    """The options by name. `_headers` and `_request_auth` may contain credentials, so each is a `Secret`."""


@hides_locals
def base_url(cashfree: object, configured: str | None = None) -> str:
    """Return the address for the calls of a `Cashfree` object.

    The first that is set counts: its `XBaseUrl`, the configured address, `CASHFREE_BASE_URL`, and the host of its
    `XEnvironment`.

    Raises:
        UsageError: Its `XEnvironment` is invalid.
    """
    if url := getattr(cashfree, "XBaseUrl", None) or configured or os.environ.get("CASHFREE_BASE_URL"):
        return str(url)
    environment = str(getattr(getattr(cashfree, "XEnvironment", None), "name", ""))
    if host := HOSTS.get(environment.lower()):
        return host
    raise UsageError(
        "XEnvironment must be Cashfree.SANDBOX or Cashfree.PRODUCTION; XBaseUrl or CASHFREE_BASE_URL names another host"
    )


def shared_transport(ca_file: str | None = None, max_connections: int = 100) -> Transport:
    """Return the transport that all calls with these options share.

    Raises:
        UsageError: The file contains no certificate, or `max_connections` is less than 1.
    """
    file = None if ca_file is None else checks.path("ca_file", ca_file)
    return _shared_transport(file, checks.count("max_connections", max_connections, minimum=1))


@cache
def _shared_transport(ca_file: str | None, max_connections: int) -> Transport:
    from tokenvault_client._transports.http1.threads import Http1Transport

    return Http1Transport(Connecting(max_connections=max_connections, ca_pem=read_ca_file(ca_file)))


def parameters(operation: Operation) -> tuple[str, ...]:
    """Return the parameters of a method in the order of 4.x and 5.x. In 6.x, the first is absent."""
    return (VERSION_ARGUMENT, "customer_id", _second_parameter(operation), "x_request_id", "x_idempotency_key")


def _second_parameter(operation: Operation) -> str:
    """Return the name of the parameter after the customer's id."""
    return operation.query[0] if operation.query else "instrument_id"


@hides_locals
def bind_arguments(
    method: str, positional: tuple[Any, ...], named: Mapping[str, Any], *, version_first: bool
) -> RequestedCall:
    """Bind the arguments of a call to the parameters of the method.

    Args:
        method: The name of the method, as in `METHODS`.
        positional: The positional arguments.
        named: The keyword arguments, options included.
        version_first: Whether the first positional argument is the API version.

    Raises:
        TypeError: The arguments do not fit, as for a function of Python.
    """
    operation = METHODS[method]
    order = parameters(operation)[0 if version_first else 1 :]
    if len(positional) > len(order):
        raise TypeError(f"{method}() takes {len(order)} positional arguments but {len(positional)} were given")
    arguments = dict(zip(order, positional, strict=False))
    options = {}
    for name, value in named.items():
        if name in arguments:
            raise TypeError(f"{method}() got multiple values for argument '{name}'")
        if name in _OPTIONS:
            options[name] = Secret(value) if name in _SECRET_OPTIONS and value is not None else value
        elif name in order or name == VERSION_ARGUMENT:
            arguments[name] = value
        else:
            raise TypeError(f"Got an unexpected keyword argument '{name}' to method {method}")
    arguments = dict.fromkeys(operation.query, "card") | arguments  # the SDK accepts a call without `instrument_type`
    for name in ("customer_id", _second_parameter(operation)):
        if name not in arguments:
            raise TypeError(f"{method}() missing required argument: '{name}'")
    return RequestedCall(operation, arguments, options)


def begins_with_version(positional: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Return whether the first argument is the API version, as in 5.x. A date is a version, never a customer's id."""
    return (
        bool(positional)
        and VERSION_ARGUMENT not in named
        and isinstance(positional[0], str)
        and bool(_DATE.fullmatch(positional[0]))
    )


@hides_locals
def credential_headers(cashfree: object, request_auth: Secret[Mapping[str, str]] | None = None) -> Secret[Headers]:
    """Return the headers that authenticate a call: the attributes of an object or its class, or `request_auth`.

    Raises:
        UsageError: The attributes are not one of the four pairs, or `request_auth` is not a header.
    """
    if request_auth and (auth := request_auth.reveal()):
        checks.check_instance("_request_auth", auth, Mapping)
        if auth.get("in") != "header":
            raise UsageError("Authentication token must be in `header`: URLs are logged")
        return Secret((_authenticating_header(auth),))
    present = tuple(
        (header, value) for name, header in _CREDENTIALS.items() if (value := getattr(cashfree, name, None))
    )
    if not any(pair <= {header for header, _ in present} for pair in _PAIRS):
        by_header = {header: name for name, header in _CREDENTIALS.items()}
        pairs = " or ".join(" with ".join(sorted(by_header[header] for header in pair)) for pair in _PAIRS)
        raise UsageError(f"set one of the four pairs of credentials: {pairs}")
    return Secret(present)


def _authenticating_header(auth: Mapping[str, str]) -> tuple[str, str]:
    """Return the header that a caller passes instead of all credentials. Its name is a credential's or a free one."""
    name, value = auth.get("key"), auth.get("value")
    if not (isinstance(name, str) and isinstance(value, str)):
        raise UsageError("_request_auth must have a key and a value that are strings")
    if name.lower() not in names.CREDENTIALS and not names.is_free(name):
        raise UsageError(f"_request_auth must not set {name}: it is neither a credential nor a free header")
    check_header(name, value)
    return name.lower(), value


def perform(target: CallTarget, call: RequestedCall, *, version: str | None) -> Answer[bytes]:
    """Make a call and return its answer, with the body undecoded.

    Args:
        target: Where to send the call.
        call: The call.
        version: The API version for a call that names none.

    Raises:
        TokenVaultError: The call failed or is invalid.
    """
    # 1. Collect the headers. An argument takes precedence over the header of the same meaning.
    headers = _lowercase_headers(target, call)
    version = call.arguments.get(VERSION_ARGUMENT) or headers.pop(names.API_VERSION, None) or version or LATEST
    request_id = call.arguments.get("x_request_id") or headers.pop(names.REQUEST_ID, None)
    idempotency_key = call.arguments.get("x_idempotency_key") or headers.pop(names.IDEMPOTENCY_KEY, None)
    # 2. Check the credentials. They may come from attributes that changed since the last call.
    names_of_credentials = set()
    for name, value in target.credentials.reveal():
        check_header(name, value)
        names_of_credentials.add(name)
    # 3. Drop the headers that the credentials set, so that each is sent once.
    own = names_of_credentials | set(names.REQUEST_HEADERS)
    extra = tuple((name, value) for name, value in headers.items() if name not in own)
    options = validated(Options(api_version=version, max_retries=target.max_retries, headers=Secret(extra)))
    # 4. Run the same flow as `Client`, with a decoder that returns the body as it is.
    caller = Caller(_validated_base_url(target.base_url), target.credentials.reveal, options)
    second = _second_parameter(call.operation)
    prepared = _CALLS[call.operation.name](call.arguments["customer_id"], call.arguments[second])
    timeout = _timeout(call.options.get("_request_timeout"))
    steps = flow(
        caller,
        prepared._replace(decode=bytes),
        request_id=request_id,
        idempotency_key=idempotency_key,
        timeout=timeout,
    )
    return run_flow(steps, target.transport)


@lru_cache(maxsize=64)
def _validated_base_url(url: str) -> str:
    """Return an address that secrets may be sent to. It can change between calls; each is validated once."""
    return resolve_base_url(None, url, allow_plain_http=False)


def _lowercase_headers(target: CallTarget, call: RequestedCall) -> dict[str, str]:
    option = call.options.get("_headers")
    headers = (option.reveal() if option else None) or {}
    if not isinstance(headers, Mapping):
        raise UsageError("_headers must be a mapping of strings to strings")
    return official_headers({**headers, **dict(target.headers.reveal())}, _HANDLED)


def _timeout(value: Any) -> float | None:  # noqa: ANN401  # an unchecked argument
    """Return the seconds for the whole call. A pair, for connecting and for reading, is added up."""
    match value:
        case None | 0:
            return None
        case (connect, read):
            pair = (checks.number("_request_timeout", each or 0) for each in (connect, read))
            return float(sum(pair)) or None
        case _:
            return checks.timeout("_request_timeout", value)
