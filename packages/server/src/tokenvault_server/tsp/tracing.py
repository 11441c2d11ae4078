"""A guarded provider whose verbs are spans. A span is current in the provider: its own HTTP client can pass it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tokenvault_server.domain.clock import Clock
from tokenvault_server.tsp.guarded import Deadlines, GuardedTokenService, Verb
from tokenvault_server.tsp.provider import TokenServiceProvider

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing

T = TypeVar("T")


class TracedTokenService(GuardedTokenService):
    """A guarded provider with a span for each verb within a trace."""

    def __init__(self, inner: TokenServiceProvider, clock: Clock, deadlines: Deadlines, tracing: Tracing) -> None:
        """Guard `inner`, and trace what is asked of it."""
        super().__init__(inner, clock, deadlines)
        self._tracing = tracing

    async def _ask(self, verb: Verb, ask: Callable[[], Awaitable[T]], check: Callable[[T], object]) -> T:
        attributes = {"tokenvault.tsp_id": self.tsp_id, "tokenvault.tsp_verb": verb.name}
        with self._tracing.child(f"tsp {verb.name}", attributes):
            return await super()._ask(verb, ask, check)
