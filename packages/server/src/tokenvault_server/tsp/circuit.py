"""A circuit breaker: once a provider has failed several times in a row, nobody is made to wait for it to fail again.

There is one for each of a provider's operations: a network that cannot make new tokens may well make cryptograms, and
paying must not suffer from saving. What counts is silence and failure to answer. Answers that concern one call alone (a
card that is not served, a token that is not known, nonsense) prove that somebody is there: else a merchant with one
broken card could cut off all others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.errors import TokenServiceNotAskedError

logger = logging.getLogger(__name__)

FAILURES: Final = 5
"""So many in a row open a circuit."""
OPEN_SECONDS: Final = 10


class State(StrEnum):
    """What becomes of calls."""

    CLOSED = "closed"
    """They are made."""
    OPEN = "open"
    """They fail at once, for `OPEN_SECONDS`."""
    HALF_OPEN = "half_open"
    """One of them is on trial, and decides; the others fail at once."""


Watcher = Callable[[str, State], None]


class Circuit:
    """Decides whether a call is made, by what became of those before it.

    Each call is let in by `admit` and then reported once, with what `admit` gave. Calls that were made before the
    circuit opened, and end afterwards, decide nothing any more.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        """Begin closed."""
        self.name = name
        self.state = State.CLOSED
        self.watchers: list[Watcher] = []
        self._clock = clock
        self._failures = 0
        self._opened_at = 0

    def admit(self) -> bool:
        """Let a call through, True when it is the trial; TokenServiceNotAskedError when it must not be made."""
        if self.state is State.CLOSED:
            return False
        if self.state is State.HALF_OPEN or self._is_waiting():
            raise TokenServiceNotAskedError(hint=f"{self.name} failed {FAILURES} times in a row")
        self._become(State.HALF_OPEN)
        return True

    def answered(self, *, trial: bool) -> None:
        """Note that the provider answered."""
        if trial:
            self._become(State.CLOSED)
        if self.state is State.CLOSED:
            self._failures = 0

    def failed(self, *, trial: bool) -> None:
        """Note that the provider did not answer."""
        self._failures += 1
        if trial or (self.state is State.CLOSED and self._failures >= FAILURES):
            self._opened_at = self._clock.now()
            self._become(State.OPEN)

    def left(self, *, trial: bool) -> None:
        """Note that whoever called did not wait for the answer: nothing is known, so the next call is the trial."""
        if trial:
            self._become(State.OPEN)

    def _is_waiting(self) -> bool:
        # A clock that was set back must not keep a circuit open.
        return 0 <= self._clock.now() - self._opened_at < OPEN_SECONDS * SECOND

    def _become(self, state: State) -> None:
        self.state = state
        level = logging.WARNING if state is State.OPEN else logging.INFO
        logger.log(level, "circuit is %s", state, extra={"circuit": self.name, "failures": self._failures})
        for watcher in self.watchers:
            watcher(self.name, state)
