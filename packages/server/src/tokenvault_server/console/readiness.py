"""Whether calls should be sent to this server: several checks, each with its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from tokenvault_server.errors import VaultError

OBSERVE_SECONDS: Final = 15.0
"""How often a server checks itself for its metrics. Each time one row is written to the database."""

Check = Callable[[], Awaitable[None]]


class Readiness:
    """Runs the checks of one server and records each result."""

    def __init__(self, checks: Mapping[str, Check], record: Callable[[str, bool], None]) -> None:
        """Run `checks`; give `record` the name of each and whether it passed."""
        self._checks = dict(checks)
        self._record = record

    async def check(self) -> None:
        """Return if all checks pass, else raise the failure of the first that does not."""
        results = await asyncio.gather(*(check() for check in self._checks.values()), return_exceptions=True)
        failures = [result for result in results if result is not None]
        for name, result in zip(self._checks, results, strict=True):
            self._record(name, result is None)
        if failures:
            raise failures[0]

    async def observe(self) -> None:
        """Record the results. A failed check is no failure of this task; the answer to `/ready` logs it."""
        with suppress(VaultError):
            await self.check()
