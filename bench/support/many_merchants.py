"""Hundreds of thousands of merchants, written by a few statements, and the work that they create in a minute.

They have all rows that a merchant has, so that every table and index has its real size. None of them can authenticate:
their sealed values are not real.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenvault_server.bootstrap import Vault
from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, single_statement
from tokenvault_server.database.queries import Value
from tokenvault_server.domain.clock import DAY
from tokenvault_server.domain.credential import CredentialKind, CredentialUse
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.keys import Purpose

SQL = queries.load("bench.support", "many_merchants.sql")
_PURPOSES = (Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID)
_FIRST_KEY = 1_000_000
_HASH = bytes(32)
_SEALED = bytes(600)
"""A value as long as the sealed reply with a cryptogram."""


@dataclass(frozen=True, slots=True)
class ManyMerchants:
    """Many merchants of one vault."""

    vault: Vault
    count: int

    async def add(self) -> None:
        """Add all merchants."""
        now = self.vault.clock.now()
        await self._do("add_merchants", count=self.count, now=now)
        await self._do("add_secrets", digest=_HASH, sealed=bytes(150), now=now)
        key: dict[str, Value] = {"check_value": b"key", "wrapped": bytes(61), "now": now}
        for number, purpose in enumerate(_PURPOSES):
            await self._do("add_keys", first=_FIRST_KEY + number * self.count, purpose=purpose.value, **key)
        await self._do("count_changes", count=self.count)
        await self._do("add_heads", hash=_HASH)
        await self._do("add_endpoints", now=now)
        if self.vault.supports_many_processes:
            await self._do("analyze")

    def ids(self) -> list[MerchantId]:
        """Return their ids."""
        return [MerchantId(f"many_{100_000_000 + number}") for number in range(1, self.count + 1)]

    def uses(self) -> dict[CredentialUse, int]:
        """Return the current time as the last use of each merchant's secret."""
        now = self.vault.clock.now()
        return {CredentialUse(CredentialKind.MERCHANT_SECRET, each, f"sec_{each}"): now for each in self.ids()}

    async def move_chains(self) -> None:
        """Mark every merchant's audit chain as changed."""
        await self._do("move_chains")

    async def fail_endpoints(self) -> None:
        """Make a delivery due for each merchant that failed before."""
        await self._do("fail_endpoints", now=self.vault.clock.now())

    async def reset_endpoints(self) -> None:
        """Make no delivery due."""
        await self._do("reset_endpoints")

    async def add_replies(self) -> None:
        """Add two idempotency keys for each merchant: an expired one, and one whose reply is expired."""
        now = self.vault.clock.now()
        await self._do("drop_replies")
        for key, expires_at in (("over", now), ("alive", now + DAY)):
            lives = {"held_until": now - 1, "expires_at": expires_at}
            await self._do("add_replies", idempotency_key=key, fingerprint=_HASH, sealed=_SEALED, **lives)

    async def add_tombstones(self) -> None:
        """Add an expired tombstone for each merchant."""
        await self._do("add_tombstones", token_index=_HASH)

    async def add_presented(self) -> None:
        """Add an expired presented cryptogram for each merchant to the token service."""
        await _do(self.vault.tsp_engine, "add_presented", count=self.count)

    async def age_daily_keys(self) -> None:
        """Make the daily keys due for rotation."""
        await self._do("age_daily_keys", by=DAY)

    async def _do(self, name: str, **values: Value) -> None:
        await _do(self.vault.engine, name, **values)


async def _do(engine: Engine, name: str, **values: Value) -> None:
    await engine.commit_exclusive(
        single_statement(SQL[name](**values))
    )  # such a statement takes longer than a call may
