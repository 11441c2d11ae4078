"""Merchants whose limits differ from the vault's: setting, listing and clearing them; operators call these verbs."""

from __future__ import annotations

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import MerchantNotFoundError
from tokenvault_server.store import merchants
from tokenvault_server.store import rate_limits as store
from tokenvault_server.store.rate_limits import OwnLimit
from tokenvault_server.vault.audit import AuditTrail


class OwnLimits:
    """The limits that merchants have of their own."""

    def __init__(self, engine: Engine, audit: AuditTrail, clock: Clock) -> None:
        """Keep limits in `engine`; every change is told to the merchant's chain in `audit`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock

    async def set(self, limit: OwnLimit, actor: str) -> None:
        """Give a merchant a limit of its own for an operation; MerchantNotFoundError when there is no such merchant."""
        await self._check(limit.merchant_id)
        event = self._event(actor, {"operation": limit.operation, "per_minute": limit.per_minute})

        def body() -> Work[None]:
            yield store.set_limit(limit)
            yield from self._audit.append(limit.merchant_id, event)

        await self._engine.commit(body)

    async def clear(self, merchant_id: MerchantId, operation: str, actor: str) -> None:
        """Have the vault's limit count again; without a limit of its own nothing changes for the merchant."""
        await self._check(merchant_id)
        event = self._event(actor, {"operation": operation})

        def body() -> Work[None]:
            yield store.clear_limit(merchant_id, operation)
            yield from self._audit.append(merchant_id, event)

        await self._engine.commit(body)

    async def of(self, merchant_id: MerchantId) -> dict[str, int]:
        """Give a merchant's own limits by operation; most have none."""
        return await store.of_merchant(self._engine, merchant_id)

    async def list(self) -> list[OwnLimit]:
        """Give all limits that merchants have of their own."""
        return await store.list_all(self._engine)

    async def _check(self, merchant_id: MerchantId) -> None:
        if await merchants.load(self._engine, merchant_id) is None:
            raise MerchantNotFoundError

    def _event(self, actor: str, details: dict[str, int | str]) -> AuditEntry:
        return AuditEntry(at=self._clock.now(), action=Action.RATE_LIMIT_CHANGED, actor=actor, details=details)
