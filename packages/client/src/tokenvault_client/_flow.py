"""The life of one call, without doing any of it: a generator that yields what it wants done and is told what came.

    Send(request, seconds)  ->  the Response, or the TransportError
    Sleep(seconds)          ->  nothing

`Client` carries these out by waiting, `AsyncClient` by awaiting; everything that decides stands here, once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator
from typing import Final, NamedTuple, NoReturn, TypeVar

import msgspec

from tokenvault_client._calls import Call
from tokenvault_client._credentials import SignIn
from tokenvault_client._options import Options, check_header, positive
from tokenvault_client._retry import Retry, chance, may_repeat, retry_after, wait_before
from tokenvault_client._transports import Request, Response
from tokenvault_client._version import VERSION
from tokenvault_client.errors import (
    APIError,
    CallTimeoutError,
    DecodeError,
    TokenVaultError,
    TransportError,
    UsageError,
    class_for,
)
from tokenvault_client.results import Answer
from tokenvault_contract import headers as names
from tokenvault_contract.operations import Operation

T = TypeVar("T")

logger: Final = logging.getLogger("tokenvault_client")

USER_AGENT: Final = f"tokenvault-client/{VERSION}"
_FIXED: Final = (("accept", "application/json"), ("accept-encoding", "identity"), ("user-agent", USER_AGENT))
OWN_HEADERS: Final = frozenset({name for name, _ in _FIXED}) | frozenset(names.REQUEST_HEADERS)
"""What a call says for itself, beside what signs it in."""
_LONGEST_TOLD: Final = 200
_NOT_OURS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Send(NamedTuple):
    """Send this, and tell me what came back within that many seconds."""

    request: Request
    seconds: float


class Sleep(NamedTuple):
    """Wake me after that many seconds."""

    seconds: float


Outcome = Response | TransportError | None
Flow = Generator[Send | Sleep, Outcome, Answer[T]]


class Caller(NamedTuple):
    """Whose calls these are, and where to."""

    base_url: str
    sign_in: SignIn
    options: Options
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    jitter: Callable[[], float] = chance


class _Sent(NamedTuple):
    """What all attempts of one call have in common."""

    operation: Operation
    request: Request
    request_id: str
    key: str | None


def flow(
    caller: Caller, call: Call[T], *, request_id: str | None, idempotency_key: str | None, timeout: float | None
) -> Flow[T]:
    """Makes the call: attempts and waits until there is an answer, a reason to give up, or no time left.

    Raises:
        TokenVaultError: The call failed, in the words of the last attempt.
    """
    sent = _prepared(caller, call, request_id, idempotency_key)
    until = caller.monotonic() + (caller.options.timeout if timeout is None else positive(timeout))
    attempt = 1
    while True:
        left = until - caller.monotonic()
        logger.debug("%s: attempt %d: %r", sent.operation.key, attempt, sent.request)
        outcome = yield Send(sent.request, left)
        if isinstance(outcome, Response) and 200 <= outcome.status < 300:
            return _answer(call, sent, outcome, attempt)
        error = _failure(caller, sent, outcome)
        wait = _wait(caller, sent, error, attempt, until)
        if wait is None:
            raise error
        if caller.options.on_retry:
            caller.options.on_retry(Retry(sent.operation.key, attempt, error, wait))
        yield Sleep(wait)
        attempt += 1


def _prepared(caller: Caller, call: Call[T], request_id: str | None, key: str | None) -> _Sent:
    """Puts the request together: one id and one key, whatever the number of attempts."""
    request_id = new_id() if request_id is None else _checked(names.REQUEST_ID, request_id)
    if key is not None:
        _checked(names.IDEMPOTENCY_KEY, key)
    elif call.operation.acts:
        key = new_id()
    version = caller.options.api_version
    headers = [*_FIXED, *caller.sign_in(), (names.API_VERSION, version), (names.REQUEST_ID, request_id)]
    if key is not None:
        headers.append((names.IDEMPOTENCY_KEY, key))
    if call.body is not None:
        headers.append(("content-type", "application/json"))
    request = Request(
        call.operation.method, caller.base_url + call.path, (*headers, *caller.options.headers), call.body
    )
    return _Sent(call.operation, request, request_id, key)


def _wait(caller: Caller, sent: _Sent, error: TokenVaultError, attempt: int, until: float) -> float | None:
    """Gives how long to wait before another attempt, or None if there shall be none."""
    harmless = sent.key is not None or not sent.operation.acts
    if attempt > caller.options.max_retries or not may_repeat(error, harmless=harmless):
        return None
    wait = wait_before(attempt, error, caller.jitter)
    if wait > caller.options.max_retry_wait or caller.monotonic() + wait >= until:
        return None
    logger.info("%s: attempt %d failed, again in %.2f s: %s", sent.operation.key, attempt, wait, error)
    return wait


def _answer(call: Call[T], sent: _Sent, response: Response, attempts: int) -> Answer[T]:
    request_id = response.headers.get(names.REQUEST_ID) or sent.request_id
    logger.debug("%s: %d [request %s]", sent.operation.key, response.status, request_id)
    try:
        data = call.read(response.body)
    except _NOT_OURS:
        _unreadable(response, request_id)
    return Answer(data, response.status, response.headers, response.body, request_id, sent.key, attempts)


def _unreadable(response: Response, request_id: str) -> NoReturn:
    """Says so without a cause: the words of a decoder may quote what it read."""
    raise DecodeError(
        f"the answer to a successful call is not of this API ({len(response.body)} bytes)",
        status=response.status,
        body=response.body,
        request_id=request_id,
    ) from None


def _failure(caller: Caller, sent: _Sent, outcome: Outcome) -> TokenVaultError:
    match outcome:
        case Response():
            return _refusal(caller, sent, outcome)
        case TransportError():
            outcome.request_id = sent.request_id
            return outcome
        case None:
            return CallTimeoutError("nothing came", sent=True, request_id=sent.request_id)


def _refusal(caller: Caller, sent: _Sent, response: Response) -> APIError:
    """Gives the error that an answer is; one in other words, a proxy's perhaps, is told by its status."""
    body = _error_body(response)
    return class_for(response.status)(
        body.message[:_LONGEST_TOLD],
        status=response.status,
        code=body.code,
        type=body.type,
        help=body.help,
        request_id=response.headers.get(names.REQUEST_ID) or sent.request_id,
        retry_after=retry_after(response.headers, caller.wall),
        headers=response.headers,
        body=response.body,
    )


class _ErrorBody(msgspec.Struct):
    """The body of a refusal, or what a gateway in between made of it."""

    message: str = ""
    code: str = ""
    type: str = ""
    help: str | None = None


_ERROR: Final = msgspec.json.Decoder(_ErrorBody)


def _error_body(response: Response) -> _ErrorBody:
    try:
        return _ERROR.decode(response.body)
    except _NOT_OURS:
        redirected = ", and redirects are not followed" if 300 <= response.status < 400 else ""
        return _ErrorBody(f"the answer is not of this API{redirected}")


def transport_failure(error: Exception, *, is_ours: bool) -> TransportError:
    """Gives what a transport meant by raising this: one of yours may have bugs, and may raise what it likes.

    Raises:
        UsageError: The call cannot be made as it was asked for.
        Exception: A transport of ours did not raise it, so a handler of signals did: a worker's time limit, perhaps.
    """
    if isinstance(error, TransportError):
        return error
    if is_ours or isinstance(error, UsageError):
        raise error
    failure = TransportError(f"the transport failed with {type(error).__name__}", sent=True)
    failure.__cause__ = error
    return failure


def _checked(name: str, value: str) -> str:
    check_header(name, value)
    return value


def new_id() -> str:
    """Gives a random UUID (RFC 9562, 5.4), for a quarter of what the `uuid` module takes."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
