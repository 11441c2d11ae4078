"""The straight line that every call takes. `walk` is the table of contents of this house: read it first."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from itertools import count

from tokenvault_contract import headers
from tokenvault_contract.operations import Operation
from tokenvault_server.api import idempotency, problems, rate_limits, routes, versions
from tokenvault_server.api.authentication import Authentication
from tokenvault_server.api.call import JSON, NO_STORE, Call, Headers, Reply
from tokenvault_server.api.handlers import Handlers
from tokenvault_server.api.idempotency import Idempotency
from tokenvault_server.api.rate_limits import Rate, RateLimits
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.identifiers import acceptable_token
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    AuthenticationError,
    BodyTooLargeError,
    InvalidFieldError,
    RouteNotFoundError,
    VaultError,
)
from tokenvault_server.vault.refusals import Refusals

_PROCESS = secrets.token_hex(8)
_NUMBERS = count(1)
_REQUEST_ID = headers.REQUEST_ID.encode()
_API_VERSION = headers.API_VERSION.encode()
_RATE_LIMIT = headers.RATE_LIMIT.encode()
_RATE_REMAINING = headers.RATE_REMAINING.encode()
_RATE_RETRY = headers.RATE_RETRY.encode()
_RATE_TYPE = headers.RATE_TYPE.encode()
_IDEMPOTENCY_KEY = headers.IDEMPOTENCY_KEY.encode()
_REPLAYED = (headers.IDEMPOTENCY_REPLAYED.encode(), b"true")
_NOT_REPLAYED = (headers.IDEMPOTENCY_REPLAYED.encode(), b"false")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stations that a call passes."""

    authentication: Authentication
    limits: RateLimits
    idempotency: Idempotency
    handlers: Handlers
    refusals: Refusals

    async def walk(self, call: Call) -> Reply:
        """Take a call from its request id to its settled reply; every failure on the way is a VaultError."""
        call.request_id = request_id(call)
        call.operation, call.path = routes.resolve(call.method, call.raw_path)
        call.version = versions.requested(call)
        call.caller = caller = await self.authenticate(call)
        call.rate = self.limits.merchant(caller.merchant_id, call.operation)
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
            reply = await self.walk(call)
        except VaultError as error:
            reply = problems.render(error, call)
        except Exception as error:  # noqa: BLE001  # the one place where nothing may get past
            reply = problems.internal(error, call)
        if call.rate is None:
            call.rate = self.limits.address(call.origin)  # whoever it is, a rate is known for every answer
        reply.headers += common_headers(call, call.rate)
        return reply

    async def authenticate(self, call: Call) -> Caller:
        """Give the caller; a failure is audited and spends the budget of the address it came from."""
        try:
            return await self.authentication.caller(call)
        except AuthenticationError:
            call.rate = self.limits.refuse(call.origin)
            merchant_id = await self.authentication.claimed_merchant(call)
            await self.refusals.note(merchant_id, call.origin, call.request_id)
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


def new_request_id() -> str:
    """Make an id that no other call of any process has."""
    return f"req_{_PROCESS}{next(_NUMBERS):08x}"


def render(call: Call, operation: Operation, entity: object) -> Reply:
    """Give the reply of an operation that went well."""
    reply = Reply(operation.success, versions.render(entity, call.version))  # type: ignore[arg-type]
    if operation.no_store:
        reply.headers.append(NO_STORE)
    return reply


def common_headers(call: Call, rate: Rate) -> Headers:
    """Give the headers that stand on every answer, whatever became of the call."""
    limit, remaining, retry, scope = rate
    found: Headers = [
        JSON,
        (_API_VERSION, call.version.encode()),
        (_REQUEST_ID, call.request_id.encode()),
        _REPLAYED if call.replayed else _NOT_REPLAYED,
        (_RATE_LIMIT, b"%d" % limit),
        (_RATE_REMAINING, b"%d" % remaining),
        (_RATE_RETRY, b"%d" % retry),
        (_RATE_TYPE, scope.encode()),
    ]
    if call.idempotency_key:
        found.append((_IDEMPOTENCY_KEY, call.idempotency_key.encode()))
    return found
