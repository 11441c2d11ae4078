"""When credentials were last used: kept in memory with every call, written once a minute.

Operators look at it before they revoke an old secret. A crash loses at most a minute of it.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.credential import CredentialUse
from tokenvault_server.store import credentials as store

_BATCH: Final = 100
"""Credentials that one transaction writes. It locks them: a revocation of one of them waits, as do other servers."""


class LastUse:
    """Keeps uses in memory until they are written."""

    def __init__(self, engine: Engine) -> None:
        """Write to `engine`."""
        self._engine = engine
        self.at: dict[CredentialUse, int] = {}
        """The last use of each credential that is not written yet. A call sets its item here and does nothing else."""

    async def flush(self) -> None:
        """Write the uses since the last flush; after an error, keep the rest for the next one."""
        uses, self.at = self.at, {}
        remaining = sorted(uses.items())  # every server locks in this order, so that none deadlocks with another
        try:
            while remaining:
                await self._engine.commit(partial(_write, remaining[:_BATCH]))
                del remaining[:_BATCH]
        except BaseException:
            self.at = dict(remaining) | self.at
            raise


def _write(uses: list[tuple[CredentialUse, int]]) -> Work[None]:
    for credential, at in uses:
        yield store.set_last_use(credential, at)
