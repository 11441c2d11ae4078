"""Keeps a keyring in step with its key table, whichever process changed the table.

A process that answers calls reads one number every half second. So a second after one process retires or destroys a
key, no other process uses it.
"""

from __future__ import annotations

from typing import Final

from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.keys.keyring import Keyring

LOOKS_EVERY: Final = 0.5
"""Seconds."""


class KeyWatch:
    """Watches the key table of one database."""

    def __init__(self, table: KeyTable, keyring: Keyring) -> None:
        """Tell `keyring` what changes in `table`."""
        self._table = table
        self._keyring = keyring
        self._seen: int | None = None

    async def look(self) -> None:
        """Make the keyring drop every key that changed since the last look."""
        changes, seen = await self._table.changes(), self._seen
        # On the first look it is unknown what the keyring read before; little, so all of it is dropped. A count that
        # went back is a backup that was restored under a running process.
        if seen is None or changes < seen:
            self._keyring.clear()
        elif changes > seen:
            for change in await self._table.changed_after(seen):
                self._keyring.apply_change(change)
        self._seen = changes
