"""Small real things to test keys with: a key table in memory, and builders."""

from __future__ import annotations

import asyncio

from tokenvault_server.domain.keys import KeyState, NewKey, Purpose, WrappedKey
from tokenvault_server.keys.envelope import RecordLocation
from tokenvault_server.keys.keyring import Key

MATERIAL = bytes(range(32))
LOCATION = RecordLocation("vlt_1", "mer_1", "customer-1", "0197f0a0-0000-7000-8000-000000000001", "instrument", 1, 1)
NOW = 1_790_000_000_000_000


def a_key(
    purpose: Purpose = Purpose.RECORD,
    material: bytes = MATERIAL,
    *,
    key_id: int = 7,
    state: KeyState = KeyState.ACTIVE,
) -> Key:
    return Key(WrappedKey(key_id, purpose, "mer_1", 1, state, b"", "1", b"", NOW), material)


def numbered(key_id: int, key: NewKey) -> WrappedKey:
    """Give a new key its id, as the transaction that adds it does."""
    return WrappedKey(
        key_id=key_id,
        purpose=key.purpose,
        owner=key.owner,
        version=key.version,
        state=KeyState.ACTIVE,
        check_value=key.check_value,
        epoch=key.epoch,
        wrapped=key.wrapped,
        created_at=key.created_at,
    )


class MemoryTable:
    """Stores wrapped keys as the key table does, and counts how often it was asked."""

    def __init__(self) -> None:
        self.rows: dict[int, WrappedKey] = {}
        self.asked = 0
        self.gate: asyncio.Event | None = None

    def add(self, row: WrappedKey) -> WrappedKey:
        self.rows[row.key_id] = row
        return row

    async def of(self, purpose: Purpose, owner: str) -> list[WrappedKey]:
        rows = [row for row in self.rows.values() if (row.purpose, row.owner) == (purpose, owner)]
        await self._answer()
        return rows

    async def by_id(self, key_id: int) -> WrappedKey | None:
        row = self.rows.get(key_id)
        await self._answer()
        return row

    async def _answer(self) -> None:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
