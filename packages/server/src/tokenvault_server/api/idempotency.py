"""Acting once: each acting call under an idempotency key is claimed, carried out and settled, or given its old answer.

The key's scope is the merchant, whoever acts for it; its life is a day. Plain reads are always fresh and never
stored, but a key that was used for an act does not fit them. What a caller did wrong (4xx) is stored like a success;
what failed on our side (5xx) is not, so that a repeat can succeed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from tokenvault_contract import headers
from tokenvault_contract.operations import Operation
from tokenvault_server.api import problems
from tokenvault_server.api.call import NO_STORE, Call, Reply
from tokenvault_server.api.commit_slots import CommitSlots
from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.identifiers import acceptable_token
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import InvalidFieldError, RequestInProgressError, StaleReadError, VaultError
from tokenvault_server.keys.fields import framed
from tokenvault_server.vault.idempotency import IdempotencyClaim, IdempotencyKeys, StoredReply

Act = Callable[[Call, Caller, Unit], Awaitable[Reply]]

ATTEMPTS: Final = 3
_KEY = headers.IDEMPOTENCY_KEY.encode()


class Idempotency:
    """Sees to it that a call under a key acts once."""

    def __init__(
        self, engine: Engine, idempotency_keys: IdempotencyKeys, commit_slots: CommitSlots | None = None
    ) -> None:
        """Settle in `engine`, if need be by `turns`; keep answers in `replies`."""
        self._engine = engine
        self._idempotency_keys = idempotency_keys
        self._commit_slots = commit_slots

    async def once(self, call: Call, caller: Caller, act: Act) -> Reply:
        """Give the answer of `act`, whose writes and reply are committed together, or the answer that it gave before.

        Raises InvalidFieldError when the key is not 1 to 128 visible ASCII characters, IdempotencyMismatchError when
        it was used for something else, RequestInProgressError while the first call with it is under way.
        """
        claim = await self._claim(call, caller)
        if isinstance(claim, StoredReply):
            call.replayed = True
            return Reply(claim.status, claim.body, [NO_STORE] if _must_not_be_kept(call, claim) else None)
        try:
            return await self._act(call, caller, act, claim)
        except VaultError as error:
            if claim is None:
                raise
            return await self._refuse(call, claim, error)
        except BaseException:
            if claim is not None:
                await self._idempotency_keys.release(claim)
            raise

    async def _claim(self, call: Call, caller: Caller) -> IdempotencyClaim | StoredReply | None:
        if _KEY not in call.headers:
            return None
        if not call.idempotency_key:
            raise InvalidFieldError(headers.IDEMPOTENCY_KEY)
        operation = call.operation
        if operation and operation.acts:
            return await self._idempotency_keys.claim(
                caller.merchant_id, call.idempotency_key, _told_apart(operation, call)
            )
        await self._idempotency_keys.check_unused(caller.merchant_id, call.idempotency_key)
        return None

    async def _act(self, call: Call, caller: Caller, act: Act, claim: IdempotencyClaim | None) -> Reply:
        """Act and settle; anew when what was read was no longer true at the commit, up to the last attempt."""
        for _ in range(ATTEMPTS - 1):
            with suppress(StaleReadError):
                return await self._attempt(call, caller, act, claim)
        return await self._attempt(call, caller, act, claim)

    async def _attempt(self, call: Call, caller: Caller, act: Act, claim: IdempotencyClaim | None) -> Reply:
        unit = Unit(self._engine)
        reply = await act(call, caller, unit)
        if self._commit_slots and call.operation and call.operation.acts:
            async with self._commit_slots.of(caller.merchant_id):
                await self._settle(call, claim, unit, reply)
        else:
            await self._settle(call, claim, unit, reply)
        return reply

    async def _settle(self, call: Call, claim: IdempotencyClaim | None, unit: Unit, reply: Reply) -> None:
        if claim is not None:
            stored = StoredReply(reply.status, reply.body)
            await self._idempotency_keys.settle(claim, unit, stored, call.about, call.reply_until)
        await unit.commit()

    async def _refuse(self, call: Call, claim: IdempotencyClaim, error: VaultError) -> Reply:
        """Store and answer what the caller did wrong; for what failed on our side, give the key back."""
        if isinstance(error, RequestInProgressError):
            raise error  # the lease was lost to a repeat, which owns the key now
        reply = problems.render(error, call)
        if reply.status >= 500:
            await self._idempotency_keys.release(claim)
        else:
            call.about, call.reply_until = "", None  # the act may have come as far as naming a card
            await self._settle(call, claim, Unit(self._engine), reply)
        return reply


def key_of(call: Call) -> str:
    """Give the key that a call was sent with, which comes back on every answer; empty when it is none we take."""
    key = call.header(_KEY)
    return key if acceptable_token(key) else ""


def _must_not_be_kept(call: Call, reply: StoredReply) -> bool:
    """Tell whether a replay holds what no cache may keep, as the first answer said."""
    return call.operation is not None and call.operation.no_store and reply.status == call.operation.success


def _told_apart(operation: Operation, call: Call) -> bytes:
    """Give the bytes that make two calls the same: operation, path, version and body."""
    path = (part.encode() for part in call.path)
    return framed(operation.key.encode(), *path, call.version.encode(), call.body or b"")
