"""The policy of one call, without I/O: a generator that yields effects and receives their results.

    Send(request, seconds)  ->  the Response, or the TransportError
    Sleep(seconds)          ->  None

`Client` performs the effects by waiting, `AsyncClient` by awaiting. Every decision is in this module, once for both.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from tokenvault_client import _arguments as arguments
from tokenvault_client._calls import Call
from tokenvault_client._compression import decompressed
from tokenvault_client._credentials import Authenticator
from tokenvault_client._error_responses import error_of
from tokenvault_client._options import Options
from tokenvault_client._retry import Retry, may_retry, random_fraction, retry_after, seconds_before_retry
from tokenvault_client._secrets import without_frames
from tokenvault_client._transports import Request, Response
from tokenvault_client._version import VERSION
from tokenvault_client.errors import (
    APIError,
    CallTimeoutError,
    DecodeError,
    TokenVaultError,
    TransportError,
    UsageError,
)
from tokenvault_client.results import Answer
from tokenvault_contract import headers as names
from tokenvault_contract.operations import Operation

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")

logger: Final = logging.getLogger("tokenvault_client")

USER_AGENT: Final = f"tokenvault-client/{VERSION}"
_CONSTANT_HEADERS: Final = (
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
    ("user-agent", USER_AGENT),
)
_DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Send(NamedTuple):
    """The effect of sending a request. Its result is the response, or the error of the transport."""

    request: Request
    seconds: float
    """The time within which the transport must return."""


class Sleep(NamedTuple):
    """The effect of waiting."""

    seconds: float


Outcome = Response | TransportError | None
Flow = Generator[Send | Sleep, Outcome, Answer[T]]


class Caller(NamedTuple):
    """The address, the credentials and the options of a client, and its sources of time and chance."""

    base_url: str
    authenticator: Authenticator
    options: Options
    monotonic: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random_fraction


class _PreparedCall(NamedTuple):
    """The common part of all attempts of one call."""

    operation: Operation
    request: Request
    request_id: str
    idempotency_key: str | None


def flow(
    caller: Caller,
    call: Call[T],
    *,
    request_id: str | UUID | None,
    idempotency_key: str | UUID | None,
    timeout: float | None,
) -> Flow[T]:
    """Run one call until it has an answer, until a retry is not allowed, or until its time is over.

    Raises:
        TokenVaultError: The call failed. This is the error of the last attempt.
    """
    # 1. Prepare the request. Every attempt sends the same one, with the same id and the same idempotency key.
    prepared = _prepare(caller, call, request_id, idempotency_key)
    # 2. Fix the end of the whole call. Each attempt gets the time that remains.
    deadline = caller.monotonic() + (
        caller.options.timeout if timeout is None else arguments.timeout("timeout", timeout)
    )
    attempt = 1
    while True:
        remaining = deadline - caller.monotonic()
        logger.debug("%s: attempt %d: %r", prepared.operation.key, attempt, prepared.request)
        # 3. Have the client send the request.
        outcome = yield Send(prepared.request, remaining)
        if isinstance(outcome, Response) and "content-encoding" in outcome.headers:
            outcome = decompressed(outcome)
        # 4. A success ends the call, even if its body cannot be decoded: the server has acted.
        if isinstance(outcome, Response) and 200 <= outcome.status < 300:
            return _answer(call, prepared, outcome, attempt)
        # 5. Anything else is an error. Raise it unless the call may and can be retried in time.
        error = _error(caller, prepared, outcome)
        wait = _seconds_until_retry(caller, prepared, error, attempt, deadline)
        if wait is None:
            raise error
        # 6. Report the retry, have the client wait, and start again.
        if caller.options.on_retry:
            without_frames(error, sys.exception())
            caller.options.on_retry(Retry(prepared.operation.key, attempt, error, wait))
        yield Sleep(wait)
        attempt += 1


def _prepare(
    caller: Caller, call: Call[T], request_id: str | UUID | None, idempotency_key: str | UUID | None
) -> _PreparedCall:
    """Build the request. A call that changes state gets an idempotency key if the caller passes none."""
    id_ = new_id() if request_id is None else arguments.reference("request_id", request_id)
    key = None if idempotency_key is None else arguments.reference("idempotency_key", idempotency_key)
    if key is None and call.operation.acts:
        key = new_id()
    version = caller.options.api_version
    headers = [
        *_CONSTANT_HEADERS,
        *caller.authenticator(),
        (names.API_VERSION, version),
        (names.REQUEST_ID, id_),
    ]
    if key is not None:
        headers.append((names.IDEMPOTENCY_KEY, key))
    if call.body is not None:
        headers.append(("content-type", "application/json"))
    request = Request(
        call.operation.method,
        caller.base_url + call.path,
        (*headers, *caller.options.headers.reveal()),
        None if call.body is None else call.body.reveal(),
    )
    return _PreparedCall(call.operation, request, id_, key)


def _seconds_until_retry(
    caller: Caller, prepared: _PreparedCall, error: TokenVaultError, attempt: int, deadline: float
) -> float | None:
    """Return the wait before another attempt, or None if there must be none."""
    is_idempotent = prepared.idempotency_key is not None or not prepared.operation.acts
    if attempt > caller.options.max_retries or not may_retry(error, is_idempotent=is_idempotent):
        return None
    wait = seconds_before_retry(attempt, error, caller.jitter)
    if wait > caller.options.max_retry_wait or caller.monotonic() + wait >= deadline:
        return None
    logger.info("%s: attempt %d failed, retrying in %.2f s: %s", prepared.operation.key, attempt, wait, error)
    return wait


def _answer(call: Call[T], prepared: _PreparedCall, response: Response, attempts: int) -> Answer[T]:
    request_id = response.headers.get(names.REQUEST_ID) or prepared.request_id
    logger.debug("%s: %d [request %s]", prepared.operation.key, response.status, request_id)
    body = response.body
    try:
        data = call.decode(body)
        return Answer(data, response.status, response.headers, body, request_id, prepared.idempotency_key, attempts)
    except _DECODE_ERRORS:
        pass
    # This is raised here: inside `except`, its context would be the error of the decoder, which may quote the body.
    raise DecodeError(
        f"the response to a successful call is not one of this API ({len(body)} bytes)",
        status=response.status,
        body=body,
        request_id=request_id,
    )


def _error(caller: Caller, prepared: _PreparedCall, outcome: object) -> TokenVaultError:
    match outcome:
        case Response():
            return _api_error(caller, prepared, outcome)
        case TransportError():
            outcome.request_id = prepared.request_id
            return outcome
        case None:
            return CallTimeoutError("the transport returned no response", sent=True, request_id=prepared.request_id)
        case _:  # a transport of the user
            kind = type(outcome).__name__
            return TransportError(
                f"the transport returned a {kind} instead of a Response", sent=True, request_id=prepared.request_id
            )


def _api_error(caller: Caller, prepared: _PreparedCall, response: Response) -> APIError:
    return error_of(
        response,
        prepared.operation,
        caller.base_url,
        request_id=response.headers.get(names.REQUEST_ID) or prepared.request_id,
        retry_after=retry_after(response.headers, caller.wall_clock),
    )


def transport_failure(error: Exception, *, is_builtin: bool) -> TransportError:
    """Return the transport error for an exception that left a transport.

    A transport of the user may raise anything; this turns it into a `TransportError`.

    Raises:
        UsageError: The call is invalid.
        Exception: A built-in transport did not raise this itself. A signal handler did, such as the time limit of a
            task queue.
    """
    if isinstance(error, TransportError):
        return error
    if is_builtin or isinstance(error, UsageError):
        raise error
    failure = TransportError(f"the transport failed with {type(error).__name__}", sent=True)
    failure.__cause__ = error
    return failure


def new_id() -> str:
    """Return a random UUID (RFC 9562, 5.4), in a quarter of the time that the `uuid` module takes."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
