"""The expectations of the callers of a server that is killed: acknowledged calls, and calls without an answer."""

from __future__ import annotations

import base64
import random
import threading
from dataclasses import dataclass, field

from tests.support.http_client import Json


def counter_of(cryptogram: str) -> int:
    """Return the counter value (ATC), which is the third and fourth byte of a cryptogram."""
    return int.from_bytes(base64.b64decode(cryptogram, validate=True)[2:4], "big")


@dataclass
class Expectations:
    """The state that all callers together expect of the vault. A card is identified by its path."""

    active: set[str] = field(default_factory=set)
    """Saved and acknowledged; nobody has tried to delete them."""
    unconfirmed: set[str] = field(default_factory=set)
    """A delete was sent and is not acknowledged yet."""
    deleted: set[str] = field(default_factory=set)
    """The delete was acknowledged."""
    counters: set[tuple[str, int]] = field(default_factory=set)
    """Every counter value seen, with its token."""
    issued: set[tuple[str, int]] = field(default_factory=set)
    """The same by saved card, as the audit trail records it."""
    errors: list[str] = field(default_factory=list)
    """Answers that no caller may get."""
    acknowledged: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def known(self) -> set[str]:
        """Return every card that was ever acknowledged."""
        return self.active | self.unconfirmed | self.deleted

    def random_card(self) -> str | None:
        """Return any active card."""
        with self._changed:
            return random.choice(sorted(self.active)) if self.active else None

    def start_delete(self) -> str | None:
        """Return an active card to delete; from now on it may be gone."""
        with self._changed:
            if not self.active:
                return None
            path = random.choice(sorted(self.active))
            self.active.remove(path)
            self.unconfirmed.add(path)
            return path

    def record_save(self, path: str) -> None:
        with self._changed:
            self.active.add(path)
            self._acknowledge()

    def confirm_delete(self, path: str) -> None:
        with self._changed:
            self.unconfirmed.remove(path)
            self.deleted.add(path)
            self._acknowledge()

    def record_cryptogram(self, cryptogram: Json) -> None:
        """Record a cryptogram; its counter value must be new."""
        counter = counter_of(cryptogram["cryptogram"])
        issued_counter = (cryptogram["card_number"], counter)
        with self._changed:
            if issued_counter in self.counters:
                self.errors.append(f"the counter value {counter} was used twice")
            self.counters.add(issued_counter)
            self.issued.add((cryptogram["instrument_id"], counter))
            self._acknowledge()

    def record_error(self, words: str) -> None:
        with self._changed:
            self.errors.append(words)
            self._changed.notify_all()

    def wait_for(self, acknowledged: int, seconds: float) -> bool:
        """Wait until that many acts are acknowledged or an error is recorded."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.errors) or self.acknowledged >= acknowledged, seconds)

    def _acknowledge(self) -> None:
        self.acknowledged += 1
        self._changed.notify_all()
