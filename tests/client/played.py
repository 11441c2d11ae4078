"""A call played through without a socket: a script of what comes back, and a clock that only moves when asked to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from tokenvault_client._calls import Call
from tokenvault_client._flow import Caller, Outcome, Send, Sleep, flow
from tokenvault_client._options import Options
from tokenvault_client._transports import Request, Response
from tokenvault_client.errors import TransportError
from tokenvault_client.results import Answer

T = TypeVar("T")

INSTRUMENT = {"customer_id": "asha", "instrument_id": "i1", "instrument_display": "XXXXXXXXXXXX2123"}
REFUSED = TransportError("connection refused", sent=False)
LOST = TransportError("connection reset", sent=True)


def said(status: int, body: Any = None, **headers: str) -> Response:
    """Gives an answer; underscores in names of headers stand for hyphens."""
    return Response(
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body if isinstance(body, bytes) else msgspec.json.encode(body),
    )


def no(status: int, code: str = "request_failed", **headers: str) -> Response:
    """Gives a refusal in the API's words."""
    return said(status, {"message": "no", "code": code, "type": "api_error"}, **headers)


@dataclass
class Play:
    """One call against a script; what was sent and how long was waited are kept."""

    script: list[Outcome]
    options: Options = field(default_factory=Options)
    seconds_each: float = 0.0
    """How long every attempt takes."""
    now: float = 1000.0
    sent: list[Request] = field(default_factory=list)
    given: list[float] = field(default_factory=list)
    """The seconds that each attempt was given."""
    waits: list[float] = field(default_factory=list)

    def call(
        self,
        call: Call[T],
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Answer[T]:
        """Plays the call to its end."""
        who = (("x-client-id", "me"), ("x-client-secret", "hush"))
        caller = Caller("https://vault.test/pg", lambda: who, self.options, lambda: self.now, lambda: 0.0, lambda: 1.0)
        steps = flow(caller, call, request_id=request_id, idempotency_key=idempotency_key, timeout=timeout)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                answer: Answer[T] = done.value
                return answer
            outcome = self._do(step)

    def _do(self, step: Send | Sleep) -> Outcome:
        if isinstance(step, Sleep):
            self.waits.append(step.seconds)
            self.now += step.seconds
            return None
        self.sent.append(step.request)
        self.given.append(step.seconds)
        self.now += self.seconds_each
        return self.script[len(self.sent) - 1]

    def header(self, name: str) -> list[str | None]:
        """Gives what each attempt sent under a name."""
        return [dict(request.headers).get(name) for request in self.sent]
