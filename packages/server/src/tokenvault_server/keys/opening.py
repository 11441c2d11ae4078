"""Opens sealed records with the key that each of them names, and counts those that do not open."""

from __future__ import annotations

from collections.abc import Callable

from tokenvault_server.errors import KeyUnavailableError, SealBrokenError
from tokenvault_server.keys.envelope import RecordLocation, key_id_of, open_sealed
from tokenvault_server.keys.keyring import Keyring


class RecordOpener:
    """Opens the records of one database."""

    def __init__(self, keyring: Keyring) -> None:
        """Open records with the keys of `keyring`."""
        self._keyring = keyring
        self.count_unreadable: Callable[[], None] = lambda: None
        """Is called for each record that does not open."""

    async def open(self, location: RecordLocation, sealed: bytes) -> bytes:
        """Return the payload of a record that was sealed at this location.

        Raises:
            SealBrokenError: it was altered, cut, moved, or sealed under another key.
            KeyUnavailableError: its key is unknown, destroyed, or does not unwrap.
        """
        try:
            key_id = key_id_of(sealed)
            key = self._keyring.peek(key_id) or await self._keyring.by_id(key_id)
            return open_sealed(key, location, sealed)
        except (SealBrokenError, KeyUnavailableError):
            self.count_unreadable()
            raise
