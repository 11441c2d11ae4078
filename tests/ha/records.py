"""Records of all answers: outcomes, times, and the state that the vault must have."""

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
    """The records of all callers together."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The number of calls by kind and outcome: a status, or the reason why there was none."""
    acknowledged: list[tuple[float, float]] = field(default_factory=list)
    """For each acknowledged call, the times at which its last attempt began and was acknowledged."""
    active: dict[str, set[str]] = field(default_factory=dict)
    """By customer, the acknowledged cards without an acknowledged deletion."""
    saved: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    spent: list[Spent] = field(default_factory=list)
    replayed: int = 0
    """The number of calls whose answer was lost and later replayed for their key."""
    errors: list[str] = field(default_factory=list)
    """Answers that no call may get."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, kind: str, outcome: str) -> None:
        """Record the outcome of one call."""
        with self._lock:
            self.outcomes[kind, outcome] += 1

    def save(self, customer: str, instrument_id: str) -> None:
        """Record a saved card."""
        with self._lock:
            self.saved.add(instrument_id)
            self.active.setdefault(customer, set()).add(instrument_id)

    def delete(self, customer: str, instrument_id: str) -> None:
        """Record a deleted card."""
        with self._lock:
            self.deleted.add(instrument_id)
            self.active[customer].remove(instrument_id)

    def spend(self, spent: Spent) -> None:
        """Record a cryptogram."""
        with self._lock:
            self.spent.append(spent)

    def acknowledge(self, began: float, ended: float, *, is_replay: bool) -> None:
        """Record an acknowledged call."""
        with self._lock:
            self.acknowledged.append((began, ended))
            self.replayed += is_replay

    def record_error(self, message: str) -> None:
        """Record an answer that no call may get."""
        with self._lock:
            self.errors.append(message)

    def outage_after(self, moment: float) -> float:
        """Return the seconds from a moment until a call that began later was acknowledged."""
        with self._lock:
            return min((ended - moment for began, ended in self.acknowledged if began >= moment), default=float("inf"))
