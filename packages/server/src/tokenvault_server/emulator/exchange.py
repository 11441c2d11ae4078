"""What the emulator does to the call that is under way: decided in the pipeline, carried out around it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field

from tokenvault_server.emulator.faults import Then


@dataclass(slots=True)
class Exchange:
    """One call of the API, from its request to the last byte of its answer."""

    then: Then = field(default_factory=Then)
    """What happens to it; nothing until its operation and customer are known."""
    causes: tuple[str, ...] = ()
    """The fault rules and magic values that decided it."""
    diagnosis: asyncio.Task[str] | None = None
    """Finds out why its caller was not authenticated, if that is so."""


EXCHANGE: ContextVar[Exchange | None] = ContextVar("EXCHANGE", default=None)
"""The exchange of the present task; None outside of calls."""
