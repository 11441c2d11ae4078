"""The straight line that every call takes. `walk` is the table of contents of this house: read it first."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from itertools import count

from tokenvault_contract import headers
from tokenvault_contract.operations import Operation
from tokenvault_server.api import idempotency, problems, rate_limits, routes, versions
from tokenvault_server.api.authentication import Authentication
from tokenvault_server.api.call import NO_STORE, Call, Reply
from tokenvault_server.api.common_headers import CommonHeaders
from tokenvault_server.api.handlers import Handlers
from tokenvault_server.api.idempotency import Idempotency
from tokenvault_server.api.rate_limits import RateLimits
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.identifiers import acceptable_token
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    AuthenticationError,
    BodyTooLargeError,
    InvalidFieldError,
    MissingFieldError,
    RouteNotFoundError,
    VaultError,
)
from tokenvault_server.vault.auth_failures import AuthFailures

_PROCESS = secrets.token_hex(8)
_NUMBERS = count(1)
_HOST = b"host"
_REQUEST_ID = headers.REQUEST_ID.encode()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stations that a call passes."""

    authentication: Authentication
    limits: RateLimits
    idempotency: Idempotency
    handlers: Handlers
    auth_failures: AuthFailures
    common_headers: CommonHeaders

    async def handle(self, call: Call) -> Reply:
        """Take a call from its request id to its settled reply; every failure on the way is a VaultError."""
        call.request_id = request_id(call)
        check_host(call)
        call.operation, call.path = routes.resolve(call.method, call.raw_path)
        call.version = versions.requested(call)
        call.caller = caller = await self.authenticate(call)
        call.rate = await self.limits.merchant(caller.merchant_id, call.operation)
        rate_limits.check(call.rate)
        if call.body is None:
            raise BodyTooLargeError
        return await self.idempotency.once(call, caller, self.act)

    async def act(self, call: Call, caller: Caller, unit: Unit) -> Reply:
        """Do what was asked; what is to be written goes into the unit."""
        operation = routed(call)
        entity = await self.handlers.of(operation)(call, caller, unit)
        return render(call, operation, entity)

    async def answer(self, call: Call) -> Reply:
        """Walk, turn whatever failed into its reply, and put the headers of every answer on it."""
        call.idempotency_key = idempotency.key_of(call)
        try:
            reply = await self.handle(call)
        except VaultError as error:
            reply = problems.render(error, call)
        except Exception as error:  # noqa: BLE001  # the one place where nothing may get past
            reply = problems.internal(error, call)
        if call.rate is None:
            call.rate = self.limits.address(call.origin)  # whoever it is, a rate is known for every answer
        reply.headers += self.common_headers.of(call, call.rate)
        return reply

    async def authenticate(self, call: Call) -> Caller:
        """Give the caller; a failure is audited and spends the budget of the address it came from."""
        try:
            return await self.authentication.caller(call)
        except AuthenticationError as error:
            call.rate = self.limits.refuse(call.origin)
            self.auth_failures.record(error.claimed, call.origin, call.request_id)
            rate_limits.check(call.rate)
            raise


def routed(call: Call) -> Operation:
    """Give the operation of a call that has passed the routes."""
    if call.operation is None:
        raise RouteNotFoundError
    return call.operation


def request_id(call: Call) -> str:
    """Give the caller's own request id or a new one, so that every failure can be named in a log."""
    given = call.header(_REQUEST_ID)
    if not given:
        return new_request_id()
    if not acceptable_token(given):
        call.request_id = new_request_id()
        raise InvalidFieldError(headers.REQUEST_ID)
    return given


def check_host(call: Call) -> None:
    """Refuse a call that does not name one host (RFC 9112, 3.2): a proxy may have read it as somebody else's."""
    host = call.headers.get(_HOST)
    if not host:
        raise MissingFieldError("host")
    if b"," in host:  # the header came twice
        raise InvalidFieldError("host")


def new_request_id() -> str:
    """Make an id that no other call of any process has."""
    return f"req_{_PROCESS}{next(_NUMBERS):08x}"


def render(call: Call, operation: Operation, entity: object) -> Reply:
    """Give the reply of an operation that went well."""
    reply = Reply(operation.success, versions.render(entity, call.version))  # type: ignore[arg-type]
    if operation.no_store:
        reply.headers.append(NO_STORE)
    return reply
