"""Limits of single merchants that differ from the vault's. Operators set, list and clear them."""

from __future__ import annotations

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.protected_row import RowId, RowKind, of_limit
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import MerchantNotFoundError
from tokenvault_server.store import merchants
from tokenvault_server.store import rate_limits as store
from tokenvault_server.vault.account_checks import merchant_is_kept
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.row_tags import RowTags, details_of_removed, removed

Details = dict[str, int | str]


class OwnLimits:
    """Sets, lists and clears merchants' own limits."""

    def __init__(self, engine: Engine, row_tags: RowTags, audit: AuditTrail, clock: Clock) -> None:
        """Store limits in `engine`, and record every change in the merchant's chain of `audit`."""
        self._engine = engine
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock

    async def set(self, limit: OwnLimit, actor: str) -> None:
        """Set a merchant's own limit for an operation.

        Raises:
            MerchantNotFoundError: no merchant has this id.
            AccountRemovedError: it was removed.
        """
        tags = (await self._row_tags.tagger()).tags(of_limit(limit))
        details: Details = {"operation": limit.operation, "per_minute": limit.per_minute}
        entry = self._entry(actor, details | tags.details)

        def body() -> Work[None]:
            yield from merchant_is_kept(limit.merchant_id)
            yield store.set_limit(limit)
            yield from tags.put()
            yield from self._audit.append(limit.merchant_id, entry)

        await self._engine.commit(body)

    async def clear(self, merchant_id: MerchantId, operation: str, actor: str) -> None:
        """Delete a merchant's own limit, so that the vault's applies. Without one, nothing changes for the merchant.

        Raises:
            MerchantNotFoundError: no merchant has this id.
        """
        await self._check(merchant_id)
        row = RowId(merchant_id, RowKind.RATE_LIMIT, operation)
        entry = self._entry(actor, {"operation": operation, **details_of_removed(row)})

        def body() -> Work[None]:
            yield store.clear_limit(merchant_id, operation)
            yield from removed(row)
            yield from self._audit.append(merchant_id, entry)

        await self._engine.commit(body)

    async def of(self, merchant_id: MerchantId) -> dict[str, int]:
        """Return a merchant's own limits by operation; most merchants have none.

        A limit that was changed in the database does not count: then the vault's applies.
        """
        read = await store.of_merchant(self._engine, merchant_id)
        return {limit.operation: limit.per_minute for limit in await self._row_tags.genuine(read, of_limit)}

    async def list(self) -> list[OwnLimit]:
        """Return every merchant's own limits.

        Raises:
            RowNotAuthenticError: one of them was changed in the database.
        """
        return await self._row_tags.checked(await store.list_all(self._engine), of_limit)

    async def _check(self, merchant_id: MerchantId) -> None:
        if await merchants.load(self._engine, merchant_id) is None:
            raise MerchantNotFoundError

    def _entry(self, actor: str, details: Details) -> AuditEntry:
        return AuditEntry(at=self._clock.now(), action=Action.RATE_LIMIT_CHANGED, actor=actor, details=details)
