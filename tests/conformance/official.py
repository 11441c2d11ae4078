"""The official SDKs under test: their differences, and the calls with each through its driver.

`environments` builds the environments in which they run. `drivers/` contains the programs that use them.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

from tests.conformance import environments
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json

SUPPORTED = ("2022-01-01", "2022-09-01", "2023-08-01", "2025-01-01", "2026-01-01")
NEWEST = SUPPORTED[-1]


class Release(NamedTuple):
    """One published SDK, with its differences on the wire and in the code of a merchant."""

    language: Literal["python", "node"]
    number: str
    sends: tuple[str, ...]
    """The API versions that this SDK can send: by argument, fixed, or by attribute."""
    default: str
    """The version that it sends in the calls of its documents."""
    models: tuple[str, str, str]
    """The classes of a listed, a fetched and a deleted instrument."""

    @property
    def name(self) -> str:
        """Return the name in the ids of tests."""
        return f"{self.language}-{self.number}"


ONE_ENTITY = ("InstrumentEntity", "InstrumentEntity", "InstrumentEntity")
THREE_ENTITIES = ("InstrumentEntityForAllSavedCard", "InstrumentEntity", "DeletedInstrumentEntity")

RELEASES = (
    Release("python", "4.5.1", SUPPORTED, "2023-08-01", ONE_ENTITY),
    Release("python", "5.0.5", ("2023-08-01",), "2023-08-01", ONE_ENTITY),
    Release("python", "6.0.1", SUPPORTED, NEWEST, THREE_ENTITIES),
    Release("node", "4.3.10", SUPPORTED, "2023-08-01", ONE_ENTITY),
    Release("node", "5.1.3", SUPPORTED, "2025-01-01", THREE_ENTITIES),
    Release("node", "6.0.6", SUPPORTED, NEWEST, THREE_ENTITIES),
)

PYTHON_RELEASES = tuple(release for release in RELEASES if release.language == "python")
NODE_RELEASES = tuple(release for release in RELEASES if release.language == "node")

# The Node SDKs have one exception class; merchants distinguish errors by `error.response.status`.
PYTHON_EXCEPTIONS = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
}


class Options(TypedDict, total=False):
    """The options of a call."""

    version: str
    request_id: str
    idempotency_key: str
    client_id: str
    client_secret: str
    partner_key: str
    partner_merchant_id: str
    client_signature: str
    style: Literal["plain", "async", "raw", "model_only"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one call: in the code of a merchant (`error`, `model`, `fields`), and on the wire (the others)."""

    status: int | None
    error: str | None
    model: str | None
    fields: Any
    body: Any
    headers: dict[str, str]


class Driver:
    """One SDK in its own process, which takes one line of JSON and returns one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(self, base_url: str, steps: list[Json]) -> list[Outcome]:
        """Make the calls of `steps` in order, and return the outcome of each."""
        return [Outcome(**outcome) for outcome in self._exchange({"base_url": base_url, "steps": steps})]

    def verify_webhook(self, delivery: Json) -> Json:
        """Verify a webhook delivery, and return the type and body of its event or the message of the error."""
        verified: Json = self._exchange({"delivery": delivery})
        return verified

    def _exchange(self, message: Json) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended with {self.process.wait()} instead of responding"
        return json.loads(line)


@contextmanager
def running_driver(release: Release) -> Iterator[Driver]:
    """Run the driver of `release` in its environment until the block ends."""
    command, folder = driver_command(release)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, text=True, stdin=pipe, stdout=pipe) as process:
        yield Driver(process)
    assert process.returncode == 0, f"the driver of {release.name} ended with {process.returncode}"


def driver_command(release: Release) -> tuple[list[str], Path]:
    """Return the command of the driver of `release`, and the folder in which to start it."""
    drivers = environments.HERE / "drivers"
    if release.language == "node":
        return [environments.node(), str(drivers / "node_sdk.mjs")], environments.node_environment(release.number)
    python = environments.python_environment(release.number)
    # With -I, nothing of this repository can be imported. The SDK emits warnings about its own models on import.
    return [str(python), "-I", "-W", "ignore", str(drivers / "python_sdk.py")], python.parent


class Sdk:
    """The four calls with one SDK, by default with the credentials of the emulator's demo merchant."""

    def __init__(self, release: Release, driver: Driver, emulator: Emulator) -> None:
        self.release = release
        self._driver = driver
        self._emulator = emulator

    def fetch_instruments(self, customer_id: str, instrument_type: str = "card", **options: Unpack[Options]) -> Outcome:
        """List the instruments of a customer."""
        return self.call("fetch_instruments", customer_id, instrument_type, **options)

    def fetch_instrument(self, customer_id: str, instrument_id: str, **options: Unpack[Options]) -> Outcome:
        """Fetch one instrument."""
        return self.call("fetch_instrument", customer_id, instrument_id, **options)

    def fetch_cryptogram(self, customer_id: str, instrument_id: str, **options: Unpack[Options]) -> Outcome:
        """Fetch a cryptogram of one instrument."""
        return self.call("fetch_cryptogram", customer_id, instrument_id, **options)

    def delete_instrument(self, customer_id: str, instrument_id: str, **options: Unpack[Options]) -> Outcome:
        """Delete one instrument."""
        return self.call("delete_instrument", customer_id, instrument_id, **options)

    def call(self, call: str, customer_id: str, second: str, **options: Unpack[Options]) -> Outcome:
        """Make one call. Its second argument is the id of the instrument or, for the list, the type."""
        (outcome,) = self.run([self.step(call, customer_id, second, **options)])
        return outcome

    def step(self, call: str, customer_id: str, second: str, **options: Unpack[Options]) -> Json:
        """Return one call as a step."""
        credentials = {"client_id": self._emulator.client_id, "client_secret": self._emulator.client_secret}
        return {**credentials, "call": call, "customer_id": customer_id, "second": second, **options}

    def do(self, method: str, *arguments: object, **options: Unpack[Options]) -> Outcome:
        """Call any method of the SDK. An argument is a text or, as `model` returns it, a model to build."""
        credentials = {"client_id": self._emulator.client_id, "client_secret": self._emulator.client_secret}
        (outcome,) = self.run([{**credentials, "method": method, "arguments": list(arguments), **options}])
        return outcome

    def verify_webhook(self, headers: dict[str, str], body: bytes) -> Json:
        """Verify a webhook delivery of the emulator with the SDK's own function."""
        return self._driver.verify_webhook(
            {
                "secret": self._emulator.webhook_secret,
                "signature": headers["x-webhook-signature"],
                "timestamp": headers["x-webhook-timestamp"],
                "body": body.decode(),
            }
        )

    def run(self, steps: list[Json]) -> list[Outcome]:
        """Make several calls in order."""
        return self._driver.run(self._emulator.base_url, steps)

    def exception(self, status: int) -> str:
        """Return the name of the exception for `status` in this SDK."""
        return PYTHON_EXCEPTIONS[status] if self.release.language == "python" else "AxiosError"
