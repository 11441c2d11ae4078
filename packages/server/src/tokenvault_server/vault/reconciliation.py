"""Compares the protected rows of a chain with what its audit entries say happened to them.

A tag proves that the vault wrote a row, but not when: an older row that was put back with its older tag is genuine. The
entries of the chain hold the tag that each change gave to a row. So the newest entry about a row decides which tag it
must have, and whether it must be there at all. The chain itself is protected by its hashes, the signed checkpoints and
the anchor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.audit import Action
from tokenvault_server.domain.keys import KeyState
from tokenvault_server.domain.protected_row import RowKind
from tokenvault_server.store import tokens
from tokenvault_server.vault.protected_rows import FoundRow, found, found_beside_cards, found_card
from tokenvault_server.vault.row_tags import DETAIL, RowTags

_REMOVED: Final = "was removed from the database"
_INSTRUMENT: Final = f"{RowKind.INSTRUMENT.value}/"


@dataclass(slots=True)
class ChainHistory:
    """What the entries of one chain say, as far as they were read. About 250 bytes for each row."""

    tags: dict[str, str] = field(default_factory=dict)
    """The tag of each row by kind and id, in hex, after the newest change of the row."""
    deleted: set[str] = field(default_factory=set)
    """The saved cards that were deleted: their tombstones may be gone by now."""
    cryptograms: dict[str, int] = field(default_factory=dict)
    """How many cryptograms of each saved card were released."""
    repeated: list[str] = field(default_factory=list)
    """Counter values that were released twice."""
    _released: dict[str, dict[int, int]] = field(default_factory=dict)
    """The counters that were released, one bit for each, by saved card and by sequence number."""
    _released_by_token: dict[bytes, dict[int, int]] = field(default_factory=dict)

    def read(self, action: str, instrument_id: str, details: Mapping[str, Any]) -> None:
        """Add what the next entry says."""
        for name, tag in details.items():
            if name.startswith(DETAIL):
                self._change(name.removeprefix(DETAIL), str(tag))
        if action == Action.INSTRUMENT_DELETED:
            self.deleted.add(f"{_INSTRUMENT}{instrument_id}")
        if action == Action.CRYPTOGRAM_ISSUED:
            self._count(instrument_id, details)

    def must_exist(self, name: str) -> bool:
        """Return whether a row must be in the database; a tombstone may be gone."""
        return name in self.tags and name not in self.deleted

    def _change(self, name: str, tag: str) -> None:
        if tag:
            self.tags[name] = tag
        else:
            self.tags.pop(name, None)

    def _count(self, instrument_id: str, details: Mapping[str, Any]) -> None:
        self.cryptograms[instrument_id] = self.cryptograms.get(instrument_id, 0) + 1
        counter = details.get("counter")
        if isinstance(counter, int) and counter >= 0:
            sequence_number, atc = divmod(counter, 2**16)
            released = self._released.setdefault(instrument_id, {})
            if released.get(sequence_number, 0) >> atc & 1:
                self.repeated.append(f"instrument {instrument_id}: counter value {counter} was spent twice")
            released[sequence_number] = released.get(sequence_number, 0) | 1 << atc

    def share(self, instrument_id: str, token_index: bytes) -> None:
        """Compare the counters of a saved card with those of the other cards that share its token."""
        released = self._released_by_token.setdefault(token_index, {})
        for sequence_number, counters in self._released.pop(instrument_id, {}).items():
            if released.get(sequence_number, 0) & counters:
                self.repeated.append(
                    f"instrument {instrument_id}: a counter value was spent twice, also by another card"
                )
            released[sequence_number] = released.get(sequence_number, 0) | counters


class Reconciliation:
    """Compares rows with histories."""

    def __init__(self, engine: Engine, row_tags: RowTags) -> None:
        """Compare the rows in `engine`."""
        self._engine = engine
        self._row_tags = row_tags
        self.row_count = 0
        """How many rows were compared."""

    async def differences(self, chain: str, history: ChainHistory) -> dict[str, str]:
        """Return what differs, by the name of the row. Calls that act meanwhile cause differences too."""
        wrong: dict[str, str] = {}
        present: set[str] = set()
        async for each in found(self._engine, chain, self._row_tags.own_chain):
            identity = each.row.identity
            present.add(identity.name)
            if each.token_index:
                history.share(identity.row_id, each.token_index)
            if problem := await self._problem(each, history):
                wrong[identity.name] = problem
        self.row_count += len(present)
        missing = (name for name in history.tags if name not in present and history.must_exist(name))
        return wrong | dict.fromkeys(missing, _REMOVED)

    async def look_again(self, chain: str, names: Iterable[str], history: ChainHistory) -> dict[str, str]:
        """Return which of these rows still differ from a history that has been read further."""
        beside = await found_beside_cards(self._engine, chain, self._row_tags.own_chain)
        rows: dict[str, FoundRow | None] = {each.row.identity.name: each for each in beside}
        wrong: dict[str, str] = {}
        for name in names:
            if name.startswith(_INSTRUMENT):
                rows[name] = await found_card(self._engine, chain, name.removeprefix(_INSTRUMENT))
            each = rows.get(name)
            if each is not None:
                problem = await self._problem(each, history)
            else:
                problem = _REMOVED if history.must_exist(name) else None
            if problem:
                wrong[name] = problem
        return wrong

    async def rows_apart(self, chain: str, latest: int) -> Iterable[str]:
        """Return what is wrong with rows that have no tags: tokens that saved cards share, and keys.

        Nothing has happened after `latest`, in microseconds since 1970.
        """
        if chain == self._row_tags.own_chain:
            return await self._wrong_keys()
        count = await tokens.count_wrong(self._engine, chain, latest)
        return [f"{count} tokens do not count their saved cards, or changed in the future"] if count else []

    async def _problem(self, each: FoundRow, history: ChainHistory) -> str | None:
        """Return how a row differs from the history, or None."""
        name = each.row.identity.name
        if not await self._row_tags.matches(each.row, each.tag):
            return "was changed in the database"
        recorded = history.tags.get(name)
        if recorded is None:
            return "was added or put back: no audit entry says that it exists"
        if each.tag is None or each.tag.hex() != recorded:
            return "is not as its newest audit entry says: it was put back or changed"
        if name.startswith(_INSTRUMENT):
            released = history.cryptograms.get(name.removeprefix(_INSTRUMENT), 0)
            if each.cryptogram_count != released:
                return f"counts {each.cryptogram_count} cryptograms, and its audit chain {released}"
        return None

    async def _wrong_keys(self) -> list[str]:
        """Return the keys that seal again although a newer version replaced them."""
        newest: dict[tuple[str, str], int] = {}
        keys = await KeyTable(self._engine).all()
        for key in keys:
            newest[key.purpose, key.owner] = max(key.version, newest.get((key.purpose, key.owner), 0))
        return [
            f"key {key.key_id} is active although a newer one replaced it"
            for key in keys
            if key.state is KeyState.ACTIVE and key.version < newest[key.purpose, key.owner]
        ]
