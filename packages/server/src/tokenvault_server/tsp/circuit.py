"""A circuit breaker: after several failures of a provider in a row, calls fail at once instead of waiting for it.

Each verb of a provider has its own circuit breaker. A network that cannot create tokens may still create cryptograms,
so payments must not fail because saving cards fails. Only missing answers and failures to answer count. An answer that
concerns one call alone (a card that is not served, an unknown token, an invalid response) shows that the provider is
there. If such answers counted, a merchant with one broken card could block all other merchants.
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
"""The number of failures in a row that opens a circuit."""
OPEN_SECONDS: Final = 10
"""How long an open circuit blocks calls before it admits a trial."""


class State(StrEnum):
    """The state of a circuit, which decides what happens to calls."""

    CLOSED = "closed"
    """Calls are made."""
    OPEN = "open"
    """Calls fail at once, for `OPEN_SECONDS`."""
    HALF_OPEN = "half_open"
    """One call is a trial, and its result decides the next state. All other calls fail at once."""


Watcher = Callable[[str, State], None]


class Circuit:
    """Decides from the results of earlier calls whether a call is made.

    Each call is admitted by `admit`. Its result is then reported once, with the value that `admit` returned. A call
    that was made before the circuit opened and ends afterwards changes nothing.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        """Start closed."""
        self.name = name
        self.state = State.CLOSED
        self.watchers: list[Watcher] = []
        self._clock = clock
        self._failures = 0
        self._opened_at = 0

    def admit(self) -> bool:
        """Admit a call; return True when it is the trial.

        Raises:
            TokenServiceNotAskedError: the call must not be made.
        """
        if self.state is State.CLOSED:
            return False
        if self.state is State.HALF_OPEN or self._is_waiting():
            raise TokenServiceNotAskedError(hint=f"{self.name} failed {FAILURES} times in a row")
        self._become(State.HALF_OPEN)
        return True

    def answered(self, *, trial: bool) -> None:
        """Record that the provider answered."""
        if trial:
            self._become(State.CLOSED)
        if self.state is State.CLOSED:
            self._failures = 0

    def failed(self, *, trial: bool) -> None:
        """Record that the provider did not answer."""
        self._failures += 1
        if trial or (self.state is State.CLOSED and self._failures >= FAILURES):
            self._opened_at = self._clock.now()
            self._become(State.OPEN)

    def abandoned(self, *, trial: bool) -> None:
        """Record that the caller did not wait for the answer. Its result is unknown, so the next call is the trial."""
        if trial:
            self._become(State.OPEN)

    def _is_waiting(self) -> bool:
        # If the clock was set back, the difference is negative. The circuit must not stay open because of that.
        return 0 <= self._clock.now() - self._opened_at < OPEN_SECONDS * SECOND

    def _become(self, state: State) -> None:
        self.state = state
        level = logging.WARNING if state is State.OPEN else logging.INFO
        logger.log(level, "circuit is %s", state, extra={"circuit": self.name, "failures": self._failures})
        for watcher in self.watchers:
            watcher(self.name, state)
