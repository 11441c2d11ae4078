"""An emulator's state as a value: both databases, the clock, the fault rules, the source of ids.

A reset goes back to the state at the start. A snapshot is such a state as one JSON document. Its databases hold sealed
records, and no key: it opens where the master key is the same, so in the emulator that made it, in one on the same
`--data` directory, or in one with the same `--seed NUMBER`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokenvault_server.database.engine import ImageEngine
from tokenvault_server.emulator.clock import ClockMark, MovableClock
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.faults import FaultRule, FaultRules
from tokenvault_server.emulator.randomness import SeededSource
from tokenvault_server.vault.checkpoints import Checkpoints

FORMAT: Final = "tokenvault-emulator-snapshot/1"


class Snapshot(msgspec.Struct, frozen=True):
    """The file of a snapshot. The databases are base64."""

    format: str
    vault_id: str
    key_check: str
    """Tells master keys apart, and says nothing about them."""
    distance: int
    frozen_at: int | None
    databases: dict[str, bytes]
    faults: list[FaultRule]
    random: list[Any] | None = None

    def __repr__(self) -> str:
        """Name the vault only."""
        return f"Snapshot(vault_id={self.vault_id!r}, ...)"


@dataclass(frozen=True, slots=True)
class State:
    """The same in memory, ready to go back to."""

    clock: ClockMark
    images: Mapping[str, bytes]
    faults: Sequence[FaultRule]
    random: Any = None


@dataclass(slots=True)
class Parts:
    """What has a state, and what has to forget it."""

    engines: Mapping[str, ImageEngine]
    clock: MovableClock
    rules: FaultRules
    source: SeededSource | None
    checkpoints: Checkpoints
    task_count: Callable[[], int]
    """Returns how many periodic tasks wait on the clock when nothing is being done."""
    idle: Callable[[], Awaitable[None]]
    """Returns when no call is under way."""
    forget: Callable[[], Awaitable[None]]
    """Has everything forget what it knows of the databases, and everything that happened."""
    end_waits: Callable[[], None]
    """Ends the waits that fault rules cause."""
    follow_anchor: Callable[[], Awaitable[None]]
    """Makes the audit anchor name the newest checkpoint."""


class States:
    """Takes the state of an emulator, and goes back to it."""

    def __init__(self, parts: Parts, vault_id: str, key_check: str) -> None:
        """Work on `parts`."""
        self._parts = parts
        self._vault_id = vault_id
        self._key_check = key_check
        self.baseline: State | None = None
        """What a reset goes back to."""

    async def take(self) -> State:
        """Return the present state."""
        parts = self._parts
        async with parts.clock.held(parts.task_count()):
            images = {name: await engine.image() for name, engine in parts.engines.items()}
        rules = [each.rule for each in parts.rules.states()]
        return State(parts.clock.mark(), images, rules, parts.source.mark() if parts.source else None)

    async def go_back(self, state: State) -> None:
        """Make everything as it was. Calls that wait because of a fault are ended; others are waited for."""
        parts = self._parts
        parts.end_waits()
        await parts.idle()
        async with AsyncExitStack() as held:
            # Nothing else may write meanwhile: a task that read before would write what belongs to another state.
            await held.enter_async_context(parts.clock.held(parts.task_count()))
            await held.enter_async_context(parts.checkpoints.going_back())
            for name, engine in parts.engines.items():
                await engine.load_image(state.images[name])
            await parts.forget()
            await parts.follow_anchor()
            parts.rules.load(state.faults)
            if parts.source and state.random is not None:
                parts.source.go_back(state.random)
            parts.clock.go_back(state.clock)

    def pack(self, state: State) -> Snapshot:
        """Return a state as the document of a file."""
        return Snapshot(
            format=FORMAT,
            vault_id=self._vault_id,
            key_check=self._key_check,
            distance=state.clock.distance,
            frozen_at=state.clock.frozen_at,
            databases=dict(state.images),
            faults=list(state.faults),
            random=msgspec.to_builtins(state.random),
        )

    def unpack(self, snapshot: Snapshot) -> State:
        """Return the state of a file.

        Raises:
            ControlError: it is of another format, or of another emulator's keys.
        """
        if snapshot.format != FORMAT:
            raise ControlError.invalid("format", "is not known", [FORMAT])
        if (snapshot.vault_id, snapshot.key_check) != (self._vault_id, self._key_check):
            allowed = ["the emulator that made it", "the same --data directory", "the same --seed NUMBER"]
            raise ControlError.conflict("snapshot_of_other_keys", "the snapshot is of another emulator's keys", allowed)
        if snapshot.databases.keys() != self._parts.engines.keys():
            raise ControlError.invalid("databases", "are not this emulator's", sorted(self._parts.engines))
        random = _random_state(snapshot.random) if snapshot.random else None
        return State(ClockMark(snapshot.distance, snapshot.frozen_at), snapshot.databases, snapshot.faults, random)


def _random_state(stored: list[Any]) -> tuple[Any, ...]:
    """Return the state of a random generator from its JSON form, which has lists for tuples."""
    version, words, gauss = stored
    return version, tuple(words), gauss
