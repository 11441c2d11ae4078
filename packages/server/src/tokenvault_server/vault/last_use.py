"""When credentials were last used: remembered with every call, written once a minute.

It is for operators who want to know whether an old secret may go. What a crash loses is a minute of that.
"""

from __future__ import annotations

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.credential import CredentialUse
from tokenvault_server.store import credentials as store


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
        if not uses:
            return

        def body() -> Work[None]:
            for credential, at in sorted(uses.items()):  # in one order, as every other server does at this moment
                yield store.used(credential, at)

        try:
            await self._engine.commit(body)
        except BaseException:
            self.at = uses | self.at
            raise
