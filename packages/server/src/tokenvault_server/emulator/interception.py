"""Makes calls fail or wait, after their routing and authentication: by magic values, and by fault rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from tokenvault_contract import operations
from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_server.api.call import Call
from tokenvault_server.emulator import magic
from tokenvault_server.emulator.exchange import EXCHANGE
from tokenvault_server.emulator.faults import FaultRules, Then, combined
from tokenvault_server.errors import (
    AuthenticationError,
    BodyInvalidError,
    BodyTooLargeError,
    IdempotencyMismatchError,
    InstrumentInactiveError,
    InstrumentNotFoundError,
    MerchantSuspendedError,
    MethodNotAllowedError,
    RateLimitedError,
    RequestInProgressError,
    TokenServiceUnavailableError,
    TooManyInstrumentsError,
    VaultError,
)

RETRY_SECONDS: Final = 30
"""What an injected 429 asks the caller to wait."""
_ERRORS: Final[Mapping[int, Callable[[], VaultError]]] = {
    PROBLEMS[Kind.INVALID].status: BodyInvalidError,
    PROBLEMS[Kind.UNAUTHENTICATED].status: AuthenticationError,
    PROBLEMS[Kind.FORBIDDEN].status: MerchantSuspendedError,
    PROBLEMS[Kind.NOT_FOUND].status: InstrumentNotFoundError,
    PROBLEMS[Kind.METHOD_NOT_ALLOWED].status: MethodNotAllowedError,
    PROBLEMS[Kind.CONFLICT].status: InstrumentInactiveError,
    PROBLEMS[Kind.TOO_LARGE].status: BodyTooLargeError,
    PROBLEMS[Kind.IDEMPOTENCY].status: IdempotencyMismatchError,
    PROBLEMS[Kind.RATE_LIMITED].status: RateLimitedError,
    PROBLEMS[Kind.INTERNAL].status: VaultError,
    PROBLEMS[Kind.UPSTREAM].status: TokenServiceUnavailableError,
}
_CONFLICTS: Final[Mapping[str, Callable[[], VaultError]]] = {
    operations.DELETE_INSTRUMENT.key: RequestInProgressError,
    operations.ENROL_INSTRUMENT.key: TooManyInstrumentsError,
}
_NOTHING: Final = Then()


class Interception:
    """Decides once for each call what happens to it, and does what can be done before it is carried out."""

    def __init__(self, rules: FaultRules) -> None:
        """Follow `rules` and the magic values."""
        self._rules = rules
        self._ended = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        """Let a call pass, wait, or fail."""
        exchange = EXCHANGE.get()
        if exchange is None:
            return
        customer = customer_of(call)
        found = magic.of_call(call.operation, customer, call.body)
        decision = self._rules.of_call(call.operation.key, customer)
        thens = ([found.then] if found else []) + [decision.then]
        exchange.then = then = combined(thens)
        exchange.causes = ((found.cause,) if found else ()) + decision.rule_ids
        if then == _NOTHING:
            return
        if then.delay_ms:
            await self.wait(then.delay_ms / 1000)
        if then.status is not None:
            raise _error(call, then)

    async def wait(self, seconds: float) -> None:
        """Wait in real time, or until `end_waits`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    def end_waits(self) -> None:
        """End all waits, because the emulator begins anew."""
        self._ended.set()
        self._ended = asyncio.Event()


def customer_of(call: Call) -> str:
    """Return the customer of a call: in its path, or in the body of an operation that names one there."""
    if call.path and "{customer_id}" in call.operation.path:
        return call.path[0]
    try:
        return _BODY.decode(call.body).customer_details.customer_id if call.body else ""
    except msgspec.DecodeError:
        return ""


class _Customer(msgspec.Struct, frozen=True):
    customer_id: str = ""


class _WithCustomer(msgspec.Struct, frozen=True):
    customer_details: _Customer = _Customer()


_BODY: Final = msgspec.json.Decoder(_WithCustomer)


def _error(call: Call, then: Then) -> VaultError:
    """Return the error of a status, with the code and message of the fault where it has them."""
    status = then.status or 0
    make = _ERRORS[status]
    if status == PROBLEMS[Kind.CONFLICT].status:
        make = _CONFLICTS.get(call.operation.key, make)
    error = make()
    error.code, error.message = then.code or error.code, then.message or error.message
    error.hint = "injected by a fault rule or a magic value"
    if isinstance(error, RateLimitedError) and call.request.rate:
        call.request.rate = call.request.rate._replace(remaining=0, retry=RETRY_SECONDS)
    return error
