"""Acting once: the place in the pipeline where a call under an idempotency key is claimed, carried out and settled.

So far a turn checks the key, echoes it, and settles what the call wrote in one transaction.
"""

from __future__ import annotations

from tokenvault_contract import headers
from tokenvault_server.api.call import Call, Reply
from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.identifiers import acceptable_token
from tokenvault_server.errors import InvalidFieldError

_KEY = headers.IDEMPOTENCY_KEY.encode()


class Turn:
    """One call's turn: what it writes goes into `unit`, and is settled together."""

    __slots__ = ("unit",)

    def __init__(self, unit: Unit) -> None:
        """Begin a turn."""
        self.unit = unit

    async def settle(self, reply: Reply) -> Reply:
        """Commit what the call wrote, durably, and let the reply go."""
        await self.unit.commit()
        return reply


class Idempotency:
    """Gives each call its turn."""

    def __init__(self, engine: Engine) -> None:
        """Settle in `engine`."""
        self._engine = engine

    def turn(self, call: Call) -> Turn:
        """Begin the turn of a call; InvalidFieldError when its key is not 1 to 128 visible ASCII characters."""
        key = call.header(_KEY)
        if key or _KEY in call.headers:
            if not acceptable_token(key):
                raise InvalidFieldError(headers.IDEMPOTENCY_KEY)
            call.idempotency_key = key
        return Turn(Unit(self._engine))
