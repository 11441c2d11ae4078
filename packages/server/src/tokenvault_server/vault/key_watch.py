"""Keeps a keyring true to its key table, whichever process changed the table.

A process that answers calls looks every half second, at one number; so a key that is retired or destroyed by one
process is in use by no other a second later.
"""

from __future__ import annotations

from typing import Final

from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.keys.keyring import Keyring

LOOKS_EVERY: Final = 0.5
"""Seconds."""


class KeyWatch:
    """Looks what happened to the keys of one database."""

    def __init__(self, table: KeyTable, keyring: Keyring) -> None:
        """Tell `keyring` what happens to `table`."""
        self._table = table
        self._keyring = keyring
        self._seen: int | None = None

    async def look(self) -> None:
        """Have the keyring drop whatever changed since the last look."""
        changes, seen = await self._table.changes(), self._seen
        # At first nothing is known of what was read before, and little was: every merchant's keys have changed since
        # there were none. A count that went back is a backup that was restored under a running process.
        if seen is None or changes < seen:
            self._keyring.clear()
        elif changes > seen:
            for change in await self._table.changed_after(seen):
                self._keyring.apply_change(change)
        self._seen = changes
