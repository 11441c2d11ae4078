"""Acts once per idempotency key: claims the key, carries out the call and settles the key with its answer.

A key belongs to the merchant, also when a partner uses it, and is kept for a day. Plain reads are always fresh and
never stored, but a key that was used for an act does not fit a read. A caller's mistake (4xx) is stored like a success;
a failure on our side (5xx) is not stored, so that a repeat can succeed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from tokenvault_contract import headers
from tokenvault_contract.problems import Kind
from tokenvault_server.api import problems
from tokenvault_server.api.call import NO_STORE, Call, Reply, Request
from tokenvault_server.api.commit_slots import CommitSlots
from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.identifiers import REFERENCE_RULE, acceptable_token
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import InvalidFieldError, RequestInProgressError, StaleReadError, VaultError
from tokenvault_server.keys.fields import framed
from tokenvault_server.vault.idempotency import IdempotencyClaim, IdempotencyKeys, StoredReply

Act = Callable[[Call, Unit], Awaitable[Reply]]

ATTEMPTS: Final = 3
KEY: Final = headers.IDEMPOTENCY_KEY.encode()


class Idempotency:
    """Makes a call under a key act once."""

    def __init__(
        self, engine: Engine, idempotency_keys: IdempotencyKeys, commit_slots: CommitSlots | None = None
    ) -> None:
        """Commit in `engine`, within `commit_slots` where they are needed; keep answers in `idempotency_keys`."""
        self._engine = engine
        self._idempotency_keys = idempotency_keys
        self._commit_slots = commit_slots

    async def once(self, call: Call, act: Act) -> Reply:
        """Return the answer of `act`, or the answer that it gave before. Its writes and its answer commit together.

        Raises:
            InvalidFieldError: The key is not 1 to 128 visible ASCII characters.
            IdempotencyMismatchError: The key was used for another call.
            RequestInProgressError: The first call with this key is still running.
        """
        # 1. Without a key there is nothing to claim, to store or to give back.
        if KEY not in call.request.headers:
            return await self._act(call, act, None)
        # 2. Claim the key. A key that is settled has its answer already.
        claim = await self._idempotency_keys.claim(call.caller.merchant_id, _checked_key(call), _fingerprint(call))
        if isinstance(claim, StoredReply):
            return _replay(call, claim)
        # 3. Act, and settle the key in the transaction that commits the act.
        try:
            return await self._act(call, act, claim)
        # 4. A mistake of the caller settles the key; any other end releases it for a repeat.
        except VaultError as error:
            return await self._settle_error(call, claim, error)
        except BaseException:
            await self._idempotency_keys.release(claim)
            raise

    async def check_unused(self, call: Call) -> None:
        """Raise IdempotencyMismatchError when a read has the key of an act; InvalidFieldError as `once` does."""
        await self._idempotency_keys.check_unused(call.caller.merchant_id, _checked_key(call))

    async def _act(self, call: Call, act: Act, claim: IdempotencyClaim | None) -> Reply:
        """Act and commit; repeat while the commit finds that a read is stale, up to the last attempt."""
        for _ in range(ATTEMPTS - 1):
            with suppress(StaleReadError):
                return await self._attempt(call, act, claim)
        return await self._attempt(call, act, claim)

    async def _attempt(self, call: Call, act: Act, claim: IdempotencyClaim | None) -> Reply:
        unit = Unit(self._engine)
        reply = await act(call, unit)
        if claim is not None:
            await self._settle(call, claim, unit, reply)
        # The slot is taken for the commit alone: sealing the reply may have to wait for the key provider.
        if self._commit_slots:
            async with self._commit_slots.of(call.caller.merchant_id):
                await unit.commit()
        else:
            await unit.commit()
        return reply

    async def _settle(self, call: Call, claim: IdempotencyClaim, unit: Unit, reply: Reply) -> None:
        """Seal the reply, and add the settled key to the unit."""
        stored = StoredReply(reply.status, Secret(reply.body))
        await self._idempotency_keys.settle(claim, unit, stored, call.instrument_id, call.reply_until)

    async def _settle_error(self, call: Call, claim: IdempotencyClaim, error: VaultError) -> Reply:
        """Store and return a mistake of the caller; release the key after a failure on our side or a suspension."""
        if isinstance(error, RequestInProgressError):
            raise error  # a repeat took the lease over, and owns the key now
        reply = problems.render(error, call.request)
        if reply.status >= 500 or error.kind is Kind.FORBIDDEN:  # suspended meanwhile: it can be repeated when resumed
            await self._idempotency_keys.release(claim)
        else:
            call.instrument_id, call.reply_until = "", None  # the act may have named a card before it failed
            unit = Unit(self._engine)
            await self._settle(call, claim, unit, reply)
            await unit.commit()
        return reply


def key_of(request: Request) -> str:
    """Return the key of a request, which every answer echoes; empty when it is missing or invalid."""
    if KEY not in request.headers:
        return ""
    key = request.header(KEY)
    return key if acceptable_token(key) else ""


def _checked_key(call: Call) -> str:
    if not call.request.idempotency_key:
        raise InvalidFieldError(headers.IDEMPOTENCY_KEY, REFERENCE_RULE)
    return call.request.idempotency_key


def _replay(call: Call, stored: StoredReply) -> Reply:
    """Return a stored answer; caches must not keep it if they must not keep the first one."""
    operation = call.operation
    is_secret = operation.no_store and stored.status == operation.success
    return Reply(stored.status, stored.body.reveal(), [NO_STORE] if is_secret else None, replayed=True)


def _fingerprint(call: Call) -> bytes:
    """Return the bytes in which two calls under one key must agree: operation, path, version and body."""
    path = (part.encode() for part in call.path)
    return framed(call.operation.key.encode(), *path, call.request.shape.version.encode(), call.body)
