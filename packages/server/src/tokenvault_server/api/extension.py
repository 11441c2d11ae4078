"""What an emulator adds to the API: operations beside the vault's own, and what makes calls fail. `serve` adds nothing.

Further operations take the same steps as the others: versions, authentication, limits, idempotency.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tokenvault_contract.operations import Operation
from tokenvault_server.api.call import Call, Request
from tokenvault_server.api.handlers import Act, Read
from tokenvault_server.api.routes import Explain, no_explanation
from tokenvault_server.api.versions import CHANGES, Change
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import AuthenticationError


async def _nobody(_request: Request) -> Caller:
    raise AuthenticationError


@dataclass(frozen=True, slots=True)
class Extension:
    """More operations, with all that the pipeline has to know of them, and what steers calls."""

    operations: tuple[Operation, ...] = ()
    explain: Explain = no_explanation
    """The errors for calls that no operation takes, where there is a better one than 404."""
    reads: Mapping[str, Read] = field(default_factory=dict)
    acts: Mapping[str, Act] = field(default_factory=dict)
    """Their handlers, by the key of the operation."""
    changes: tuple[Change, ...] = CHANGES
    """What each version changed, of the vault's own operations too."""
    budgets: Mapping[str, int] = field(default_factory=dict)
    """Calls per minute, by the key of the operation."""
    caller_of_session: Callable[[Request], Awaitable[Caller]] = _nobody
    """Returns for whom a call is made that carries no credentials."""
    intercept: Callable[[Call], Awaitable[None]] | None = None
    """Makes calls fail or wait."""
    help_note: str = ""
    """What the help of a 400 and a 404 adds."""
    machine: Clock | None = None
    """The clock of the machine where the vault's own may be behind it. Customers agree by that one."""


NO_EXTENSION: Final = Extension()
"""The vault's own operations and no other."""
