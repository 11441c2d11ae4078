"""A call without a socket: a script of outcomes, and a clock that moves only when the call waits."""

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
NOT_SENT = TransportError("connection refused", sent=False)
MAYBE_SENT = TransportError("connection reset", sent=True)


def response(status: int, body: Any = None, **headers: str) -> Response:
    """Return a response. In the names of headers, underscores stand for hyphens."""
    return Response(
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body if isinstance(body, bytes) else msgspec.json.encode(body),
    )


def error_response(status: int, code: str = "request_failed", **headers: str) -> Response:
    """Return an error response of the API."""
    return response(status, {"message": "no", "code": code, "type": "api_error"}, **headers)


@dataclass
class ScriptedCall:
    """One call against a script. It records the requests and the waits."""

    script: list[Outcome]
    options: Options = field(default_factory=Options)
    seconds_each: float = 0.0
    """The duration of every attempt."""
    now: float = 1000.0
    sent: list[Request] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    """The seconds within which each attempt must end."""
    waits: list[float] = field(default_factory=list)

    def call(
        self,
        call: Call[T],
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Answer[T]:
        """Run the call to its end."""
        credentials = (("x-client-id", "me"), ("x-client-secret", "hush"))
        caller = Caller(
            "https://vault.test/pg", lambda: credentials, self.options, lambda: self.now, lambda: 0.0, lambda: 1.0
        )
        steps = flow(caller, call, request_id=request_id, idempotency_key=idempotency_key, timeout=timeout)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                answer: Answer[T] = done.value
                return answer
            outcome = self._perform(step)

    def _perform(self, step: Send | Sleep) -> Outcome:
        if isinstance(step, Sleep):
            self.waits.append(step.seconds)
            self.now += step.seconds
            return None
        self.sent.append(step.request)
        self.timeouts.append(step.seconds)
        self.now += self.seconds_each
        return self.script[len(self.sent) - 1]

    def header(self, name: str) -> list[str | None]:
        """Return the value of a header in each attempt."""
        return [dict(request.headers).get(name) for request in self.sent]
