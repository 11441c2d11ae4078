"""The steps of every call, in their order. Read `Pipeline.handle` first: it is the table of contents of the API."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from tokenvault_contract import headers
from tokenvault_contract.operations import Operation
from tokenvault_server.api import documented_limits, idempotency, problems, routes
from tokenvault_server.api.authentication import Authentication
from tokenvault_server.api.call import NO_STORE, Call, Reply, Request
from tokenvault_server.api.common_headers import CommonHeaders
from tokenvault_server.api.handlers import Handlers
from tokenvault_server.api.idempotency import Idempotency
from tokenvault_server.api.rate_limits import Rate, RateLimits, check
from tokenvault_server.api.shape import Body
from tokenvault_server.api.versions import Versions
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain import randomness
from tokenvault_server.domain.identifiers import REFERENCE_RULE, acceptable_token
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.randomness import SOURCE
from tokenvault_server.domain.tracebacks import described
from tokenvault_server.errors import (
    AuthenticationError,
    BodyTooLargeError,
    InvalidFieldError,
    MissingFieldError,
    PartnerSuspendedError,
    VaultError,
)
from tokenvault_server.vault.auth_failures import AuthFailures

_PROCESS = secrets.token_hex(8)
_NUMBERS = count(1)
_HOST = b"host"
_REQUEST_ID = headers.REQUEST_ID.encode()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps that a call passes."""

    versions: Versions
    authentication: Authentication
    limits: RateLimits
    idempotency: Idempotency
    handlers: Handlers
    auth_failures: AuthFailures
    common_headers: CommonHeaders
    diagnose: Callable[[Request], None] | None = None
    """Finds out why a caller was not authenticated, for an emulator's log."""
    strict: bool = False
    """Whether requests beyond Cashfree's documented limits are rejected."""
    intercept: Callable[[Call], Awaitable[None]] | None = None
    """Makes calls fail or wait, in an emulator."""
    help_note: str = ""
    """What the help of a 400 and a 404 adds, in an emulator."""

    async def answer(self, request: Request) -> Reply:
        """Return the reply to a request, or to whatever failed, with the headers of every answer."""
        request.shape = self.versions.shape_of(request)
        request.help_note = self.help_note
        try:
            self.authentication.check_address(request)  # first of all: nothing else is done for such a call
            request.idempotency_key = idempotency.key_of(request)
            reply = await self.handle(request)
        except VaultError as error:
            reply = problems.render(error, request)
        except Exception as error:  # noqa: BLE001  # no failure may pass this place
            failure = described(error)
            del error  # error trackers look at the variables of the frames that log, too
            reply = problems.internal(failure, request)
        if request.rate is None:
            request.rate = self.limits.address(request.origin)  # unauthenticated answers carry a rate, too
        request.request_id = request.request_id or new_request_id()
        reply.headers += self.common_headers.of(request, reply, request.rate)
        return reply

    async def handle(self, request: Request) -> Reply:
        """Take a request from its id to its reply; every expected failure is a VaultError."""
        request.request_id = request_id(request)
        check_host(request)
        operation, path = routes.resolve(request.method, request.raw_path)
        request.operation_key, request.path = operation.key, path
        self.versions.check(request)
        if self.strict:
            documented_limits.check(request)
        try:
            caller = await self.authentication.caller(request)
        except AuthenticationError as error:
            self.count_failure(request, error)
            raise
        request.merchant_id = caller.merchant_id
        request.rate = await self.spend(request, caller, operation)
        check(request.rate)
        if caller.suspended:
            raise caller.suspended
        if request.packed_body is None:
            raise BodyTooLargeError
        call = Call(request, operation, path, caller, request.packed_body)
        if self.intercept:
            await self.intercept(call)
        if operation.acts:
            return await self.idempotency.once(call, self.act)
        if idempotency.KEY in request.headers:
            await self.idempotency.check_unused(call)
        return render(call, await self.handlers.read(call))

    async def spend(self, request: Request, caller: Caller, operation: Operation) -> Rate:
        """Spend one call of a budget: a suspended partner's calls must not use up those of its merchants."""
        if caller.suspended is PartnerSuspendedError:
            return self.limits.refuse(request.origin)
        return await self.limits.merchant(caller.merchant_id, operation)

    async def act(self, call: Call, unit: Unit) -> Reply:
        """Carry out an operation; its writes go into the unit."""
        return render(call, await self.handlers.act(call, unit))

    def count_failure(self, request: Request, error: AuthenticationError) -> None:
        """Spend the budget of an address for an authentication failure and audit it.

        Raises:
            RateLimitedError: the budget is used up. Such failures are not audited: metrics count them.
        """
        request.rate = self.limits.refuse(request.origin)
        if self.diagnose:
            self.diagnose(request)
        check(request.rate)
        self.auth_failures.record(error.claimed, request.origin, request.request_id)


def request_id(request: Request) -> str:
    """Return the caller's own request id or a new one, so that logs can name every failure."""
    sent = request.header(_REQUEST_ID)
    if not sent:
        return new_request_id()
    if not acceptable_token(sent):
        request.request_id = new_request_id()
        raise InvalidFieldError(headers.REQUEST_ID, REFERENCE_RULE)
    return sent


def check_host(request: Request) -> None:
    """Refuse a request that does not name exactly one host (RFC 9112, 3.2): a proxy may have routed it elsewhere."""
    host = request.headers.get(_HOST)
    if not host:
        raise MissingFieldError("host")
    if b"," in host:  # the header came twice
        raise InvalidFieldError("host", "must be sent once")


def new_request_id() -> str:
    """Return an id that no other call of any process has."""
    if SOURCE.get():
        return f"req_{randomness.token_hex(12)}"  # an emulator's, the same for the same seed
    return f"req_{_PROCESS}{next(_NUMBERS):08x}"


def render(call: Call, body: Body) -> Reply:
    """Return the reply of an operation that succeeded."""
    operation = call.operation
    reply = Reply(operation.success, call.request.shape.render(operation, body))
    if operation.no_store:
        reply.headers.append(NO_STORE)
    return reply
