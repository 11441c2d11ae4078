"""Opens a sample of the sealed records of a local token service."""

from __future__ import annotations

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.inspection import inspect_records
from tokenvault_server.domain.inspection import Inspection, Notify
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.domain.sampling import Candidate
from tokenvault_server.tsp.local.components import Components
from tokenvault_server.tsp.local.tokens import SQL


class CardInspection:
    """An inspection of the records of one local token service."""

    def __init__(self, engine: Engine, components: Components) -> None:
        """Inspect the records in `engine`."""
        self._engine = engine
        self._components = components

    async def run(self, tsp_id: str, size: int, notify: Notify) -> list[Inspection]:
        """Open, of every key, the `size` newest records of cards and events and `size` random ones."""
        return [
            await inspect_records(
                self._engine, f"tokens of {tsp_id}", SQL["scan_tokens"], self._open_card, size, notify
            ),
            await inspect_records(
                self._engine, f"events of {tsp_id}", SQL["scan_events"], self._open_event, size, notify
            ),
        ]

    async def _open_card(self, candidate: Candidate) -> None:
        row = await self._components.tokens.by_reference(TokenReference(candidate.record_id))
        if row is not None and row.sealed is not None:
            await self._components.records.open(row, row.sealed)

    async def _open_event(self, candidate: Candidate) -> None:
        rows = await self._engine.read(SQL["read_event"](event_id=candidate.record_id))
        if rows:
            await self._components.inbox.check(candidate.record_id, rows[0][0])
