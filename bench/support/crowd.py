"""Merchants by the hundred thousand, made by a few statements and not one by one, and what a minute leaves of them.

They have all rows that a merchant has, so that every table and index is as large as theirs would be; nobody can call
as one of them, since what is sealed here is not.
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

SQL = queries.load("bench.support", "crowd.sql")
_PURPOSES = (Purpose.RECORD, Purpose.INDEX, Purpose.INSTRUMENT_UID)
_FIRST_KEY = 1_000_000
_HASH = bytes(32)
_SEALED = bytes(600)
"""As long as the sealed reply that holds a cryptogram."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many merchants of a vault."""

    vault: Vault
    count: int

    async def come(self) -> None:
        """Add them all."""
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

    def members(self) -> list[MerchantId]:
        """Their ids."""
        return [MerchantId(f"crowd_{100_000_000 + number}") for number in range(1, self.count + 1)]

    def uses(self) -> dict[CredentialUse, int]:
        """The last use of each one's secret: now."""
        now = self.vault.clock.now()
        return {CredentialUse(CredentialKind.MERCHANT_SECRET, each, f"sec_{each}"): now for each in self.members()}

    async def act(self) -> None:
        """Have each one's chain move."""
        await self._do("move_chains")

    async def fail(self) -> None:
        """Have a webhook wait for each, which failed before."""
        await self._do("fail_endpoints", now=self.vault.clock.now())

    async def calm_down(self) -> None:
        """Have no webhook wait for anybody."""
        await self._do("calm_endpoints")

    async def leave_replies(self) -> None:
        """Leave a key of each whose time is over, and one that outlives its reply."""
        now = self.vault.clock.now()
        await self._do("drop_replies")
        for key, expires_at in (("over", now), ("alive", now + DAY)):
            lives = {"held_until": now - 1, "expires_at": expires_at}
            await self._do("add_replies", idempotency_key=key, fingerprint=_HASH, sealed=_SEALED, **lives)

    async def leave_tombstones(self) -> None:
        """Leave what is left of a deleted card of each, whose time is over."""
        await self._do("add_tombstones", token_index=_HASH)

    async def leave_presented(self) -> None:
        """Leave a cryptogram of each with the token service, which can verify no more."""
        await _do(self.vault.tsp_engine, "add_presented", count=self.count)

    async def pass_a_day(self) -> None:
        """Have the daily keys be due."""
        await self._do("age_daily_keys", by=DAY)

    async def _do(self, name: str, **values: Value) -> None:
        await _do(self.vault.engine, name, **values)


async def _do(engine: Engine, name: str, **values: Value) -> None:
    await engine.commit_exclusive(single_statement(SQL[name](**values)))  # no statement of a call may take this long
