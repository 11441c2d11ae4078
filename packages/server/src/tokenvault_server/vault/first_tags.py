"""Gives a vault that was made before rows had tags its key for tags, and every row its first tag.

This trusts the rows as they are, so it happens once in the life of a vault, and only on an operator's command. The
vault's own chain records the key and the end of the work. A chain that says that rows have tags, beside a key table
without the key, shows that somebody removed the key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable, add_keys
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.protected_rows import chains, found
from tokenvault_server.vault.row_tags import RowTags, Tagger
from tokenvault_server.vault.webhook_events import nothing

_BATCH: Final = 50
"""Rows that one audit entry and one transaction give tags to."""


class FirstTags:
    """Adds the first tags to a vault."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        row_tags: RowTags,
        audit: AuditTrail,
        clock: Clock,
        *,
        batch: int = _BATCH,
    ) -> None:
        """Change the vault in `engine`."""
        self._batch = batch
        self._engine = engine
        self._keyring = keyring
        self._row_tags = row_tags
        self._audit = audit
        self._clock = clock

    async def are_missing(self) -> bool:
        """Return whether rows have no tags yet, or not all of them.

        Raises:
            KeyUnavailableError: rows have tags, and the key for them is not in the key table.
        """
        acts = await self._audit.acts_on_rows()
        is_begun, is_done = any("began" in act for act in acts), any(act.keys() & {"rows", "row_tags"} for act in acts)
        if await KeyTable(self._engine).of(Purpose.ROW, ""):
            return is_begun and not is_done
        if is_done:
            raise KeyUnavailableError(hint="the key for row tags was removed; restore the key table from a backup")
        return True

    async def add(self) -> int:
        """Give every row without a tag its tag; return how many there were. After a crash it goes on."""
        self._audit.keep_chains()
        own_chain = self._audit.own_chain
        if not await KeyTable(self._engine).of(Purpose.ROW, ""):
            key = await self._keyring.make(Purpose.ROW, "", now=self._clock.now())
            await self._append(own_chain, {"began": 1}, lambda: add_keys([key]))
        tagger = await self._row_tags.tagger()
        count = 0
        for chain in (own_chain, *await chains(self._engine)):
            count += await self._tag(chain, tagger)
        await self._append(own_chain, {"rows": count})
        await self._audit.sign_appended()
        return count

    async def _tag(self, chain: str, tagger: Tagger) -> int:
        """Tag the rows of one chain; return how many had no tag."""
        untagged = [each.row async for each in found(self._engine, chain, self._audit.own_chain) if each.tag is None]
        for first in range(0, len(untagged), self._batch):
            rows = untagged[first : first + self._batch]
            tags = tagger.tags(*rows)
            await self._append(chain, tags.details, tags.put)
        return len(untagged)

    async def _append(
        self, chain: str, details: dict[str, int | str], write: Callable[[], Work[None]] = nothing
    ) -> None:
        """Append an entry, together with what it records."""
        entry = AuditEntry(at=self._clock.now(), action=Action.ROWS_TAGGED, actor="vault", details=details)

        def body() -> Work[None]:
            yield from self._audit.append(chain, entry)
            yield from write()

        await self._engine.commit(body)
