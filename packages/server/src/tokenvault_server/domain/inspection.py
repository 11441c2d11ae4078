"""The result of a deep inspection: which keys and records of a table cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_SHOWN: Final = 20

Notify = Callable[[str, int], None]
"""Is told the name of an inspection and how many rows it has seen."""


@dataclass(slots=True)
class Inspection:
    """One table, or one kind of key."""

    name: str
    checked: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    """Up to twenty problems: the row's id and a reason, never its content."""

    def add(self, row_id: str, reason: str) -> None:
        """Add a problem."""
        self.problem_count += 1
        if len(self.problems) < _SHOWN:
            self.problems.append(f"{row_id}: {reason}")
