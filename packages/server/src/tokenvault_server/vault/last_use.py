"""When credentials were last used: remembered with every call, written once a minute.

It is for operators who want to know whether an old secret may go. What a crash loses is a minute of that.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.credential import CredentialUse
from tokenvault_server.store import credentials as store

_AT_ONCE: Final = 100
"""Credentials that are held together while they are written: who revokes one of them waits, as do other servers."""


class LastUse:
    """Remembers uses until they are written."""

    def __init__(self, engine: Engine) -> None:
        """Write to `engine`."""
        self._engine = engine
        self.at: dict[CredentialUse, int] = {}
        """The last use of each credential that is not written yet. Written to with every call: nothing else is done."""

    async def flush(self) -> None:
        """Write what was used since the last time; what cannot be written now is kept for the next."""
        uses, self.at = self.at, {}
        left = sorted(uses.items())  # in one order, as every other server does at this moment
        try:
            while left:
                await self._engine.commit(partial(_write, left[:_AT_ONCE]))
                del left[:_AT_ONCE]
        except BaseException:
            self.at = dict(left) | self.at
            raise


def _write(uses: list[tuple[CredentialUse, int]]) -> Work[None]:
    for credential, at in uses:
        yield store.used(credential, at)
