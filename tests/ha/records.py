"""What callers were told, when: how often, how late, and what they will hold the vault to."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Spent(NamedTuple):
    """A cryptogram that was acknowledged."""

    key: str
    instrument_id: str
    token: str
    counter: int


@dataclass
class CallRecords:
    """Kept by all callers together."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each kind of call ended how: a status, or why there was none."""
    acknowledged: list[tuple[float, float]] = field(default_factory=list)
    """When each act that was acknowledged began for the last time, and when it was."""
    active: dict[str, set[str]] = field(default_factory=dict)
    """By customer: saved, acknowledged, and not deleted as far as anybody was told."""
    saved: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    spent: list[Spent] = field(default_factory=list)
    replayed: int = 0
    """Acts whose answer was lost once, and given again for their key."""
    errors: list[str] = field(default_factory=list)
    """What should never have been answered."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, kind: str, outcome: str) -> None:
        """Note how one call ended."""
        with self._lock:
            self.outcomes[kind, outcome] += 1

    def save(self, customer: str, instrument_id: str) -> None:
        """Note a card that was saved."""
        with self._lock:
            self.saved.add(instrument_id)
            self.active.setdefault(customer, set()).add(instrument_id)

    def delete(self, customer: str, instrument_id: str) -> None:
        """Note a card that was deleted."""
        with self._lock:
            self.deleted.add(instrument_id)
            self.active[customer].remove(instrument_id)

    def spend(self, spent: Spent) -> None:
        """Note a cryptogram."""
        with self._lock:
            self.spent.append(spent)

    def acknowledge(self, began: float, ended: float, *, is_replay: bool) -> None:
        """Note when an act was acknowledged."""
        with self._lock:
            self.acknowledged.append((began, ended))
            self.replayed += is_replay

    def record_error(self, words: str) -> None:
        """Note what should not have been answered."""
        with self._lock:
            self.errors.append(words)

    def outage_after(self, moment: float) -> float:
        """Give the seconds from a moment until an act that began later was acknowledged."""
        with self._lock:
            return min((ended - moment for began, ended in self.acknowledged if began >= moment), default=float("inf"))
