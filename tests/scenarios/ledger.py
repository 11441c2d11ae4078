"""What callers of a server that is killed know for certain: the acknowledged, and what was under way."""

from __future__ import annotations

import base64
import random
import threading
from dataclasses import dataclass, field

from tests.support.http_client import Json


def counter_of(cryptogram: str) -> int:
    """Gives the counter value (ATC) that a cryptogram carries in its third and fourth byte."""
    return int.from_bytes(base64.b64decode(cryptogram, validate=True)[2:4], "big")


@dataclass
class Ledger:
    """Kept by all callers together. A card is known by its path."""

    living: set[str] = field(default_factory=set)
    """Saved and acknowledged; nobody has tried to delete them."""
    doubtful: set[str] = field(default_factory=set)
    """A delete was sent, and not acknowledged yet."""
    deleted: set[str] = field(default_factory=set)
    """The delete was acknowledged."""
    counters: set[tuple[str, int]] = field(default_factory=set)
    """Every counter value seen, with its token."""
    issued: set[tuple[str, int]] = field(default_factory=set)
    """The same by saved card, as the audit trail knows it."""
    wrong: list[str] = field(default_factory=list)
    """What should never have been answered."""
    acknowledged: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def pick(self) -> str | None:
        """Gives any living card."""
        with self._changed:
            return random.choice(sorted(self.living)) if self.living else None

    def condemn(self) -> str | None:
        """Gives a living card to its deleter: from now on it may be gone."""
        with self._changed:
            if not self.living:
                return None
            path = random.choice(sorted(self.living))
            self.living.remove(path)
            self.doubtful.add(path)
            return path

    def save(self, path: str) -> None:
        with self._changed:
            self.living.add(path)
            self._acknowledge()

    def bury(self, path: str) -> None:
        with self._changed:
            self.doubtful.remove(path)
            self.deleted.add(path)
            self._acknowledge()

    def spend(self, cryptogram: Json) -> None:
        """Notes a cryptogram; its counter value must be new."""
        counter = counter_of(cryptogram["cryptogram"])
        spent = (cryptogram["card_number"], counter)
        with self._changed:
            if spent in self.counters:
                self.wrong.append(f"the counter value {counter} was given twice")
            self.counters.add(spent)
            self.issued.add((cryptogram["instrument_id"], counter))
            self._acknowledge()

    def complain(self, words: str) -> None:
        with self._changed:
            self.wrong.append(words)
            self._changed.notify_all()

    def wait_for(self, acknowledged: int, seconds: float) -> bool:
        """Waits until so many acts are acknowledged, or something is wrong."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.wrong) or self.acknowledged >= acknowledged, seconds)

    def _acknowledge(self) -> None:
        self.acknowledged += 1
        self._changed.notify_all()
