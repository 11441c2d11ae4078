"""Keeps a keyring in step with its key table when another process changes the table.

A process that answers calls reads the table's change counter every half second. A key that one process retires or
destroys is therefore out of use in every other process within a second.
"""

from __future__ import annotations

from typing import Final

from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.keys.keyring import Keyring

POLL_SECONDS: Final = 0.5


class KeyWatch:
    """Watches the keys of one database."""

    def __init__(self, table: KeyTable, keyring: Keyring) -> None:
        """Apply the changes of `table` to `keyring`."""
        self._table = table
        self._keyring = keyring
        self._change_count: int | None = None

    def forget(self) -> None:
        """Drop every key, because the table went back to an earlier state."""
        self._keyring.clear()
        self._change_count = None

    async def poll(self) -> None:
        """Remove the keys that changed since the last poll from the keyring."""
        count, last = await self._table.changes(), self._change_count
        # At the first poll it is unknown which changes came after the keyring's first reads. The few keys that it holds
        # are dropped; reading all changes instead would read every merchant's keys. A counter that went back shows
        # that a backup was restored under a running process.
        if last is None or count < last:
            self._keyring.clear()
        elif count > last:
            for change in await self._table.changed_after(last):
                self._keyring.apply_change(change)
        self._change_count = count
