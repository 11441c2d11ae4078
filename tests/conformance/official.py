"""The official SDKs under test: what sets them apart, and a way to make calls with each through its driver.

Neighbours: `environments` makes the places where they run, `drivers/` speaks to them, `emulator` is who they speak to.
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
    """One published SDK, and what distinguishes it on the wire and in a merchant's code."""

    language: Literal["python", "node"]
    number: str
    sends: tuple[str, ...]
    """The API versions that this SDK can be made to send: by argument, fixed, or by attribute."""
    default: str
    """The version that it sends when a merchant writes what its documents print."""
    models: tuple[str, str, str]
    """The classes that it makes of a listed, a fetched and a deleted instrument."""

    @property
    def name(self) -> str:
        """The name that test ids show."""
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

# What a merchant's `except` names; Node has one class for all and tells them apart by `error.response.status`.
PYTHON_EXCEPTIONS = {400: "BadRequestException", 401: "UnauthorizedException", 404: "NotFoundException"}


class Options(TypedDict, total=False):
    """What a call may say beside its ids."""

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
    """What an SDK made of one answer: the merchant's view (`error`, `model`, `fields`) and the wire's (the rest)."""

    status: int | None
    error: str | None
    model: str | None
    fields: Any
    body: Any
    headers: dict[str, str]


class Driver:
    """One SDK at work in a process of its own, asked by one JSON line and answering by one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, scenario: Json) -> list[Outcome]:
        """Has the steps of `scenario` made in order and gives an outcome for each."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(scenario) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the driver ended with {self.process.wait()} instead of answering"
        return [Outcome(**outcome) for outcome in json.loads(answer)]


@contextmanager
def running(release: Release) -> Iterator[Driver]:
    """Runs the driver of `release` in its environment, and sees it leave quietly."""
    command, folder = command_of(release, "sdk")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, text=True, stdin=pipe, stdout=pipe) as process:
        yield Driver(process)
    assert process.returncode == 0, f"the driver of {release.name} ended with {process.returncode}"


def command_of(release: Release, what: str) -> tuple[list[str], Path]:
    """Gives the command of the driver that does something with `release`, and the folder to start it in."""
    drivers = environments.HERE / "drivers"
    if release.language == "node":
        return [environments.node(), str(drivers / f"node_{what}.mjs")], environments.node_environment(release.number)
    python = environments.python_environment(release.number)
    # -I: nothing of ours may be importable there. The SDK warns on import about its own models; that is its affair.
    return [str(python), "-I", "-W", "ignore", str(drivers / f"python_{what}.py")], python.parent


class Sdk:
    """The four calls as one SDK makes them, for the emulator's demo merchant unless a call says otherwise."""

    def __init__(self, release: Release, driver: Driver, emulator: Emulator) -> None:
        self.release = release
        self._driver = driver
        self._emulator = emulator

    def fetch_instruments(self, customer_id: str, which: str = "card", **options: Unpack[Options]) -> Outcome:
        """Lists the customer's instruments of the type `which`."""
        return self.call("fetch_instruments", customer_id, which, **options)

    def fetch_instrument(self, customer_id: str, instrument_id: str, **options: Unpack[Options]) -> Outcome:
        """Fetches one instrument."""
        return self.call("fetch_instrument", customer_id, instrument_id, **options)

    def fetch_cryptogram(self, customer_id: str, instrument_id: str, **options: Unpack[Options]) -> Outcome:
        """Fetches a cryptogram of one instrument."""
        return self.call("fetch_cryptogram", customer_id, instrument_id, **options)

    def delete_instrument(self, customer_id: str, instrument_id: str, **options: Unpack[Options]) -> Outcome:
        """Deletes one instrument."""
        return self.call("delete_instrument", customer_id, instrument_id, **options)

    def call(self, call: str, customer_id: str, which: str, **options: Unpack[Options]) -> Outcome:
        """Makes one call; `which` is the instrument's id or, for the list, its type."""
        (outcome,) = self.run([self.step(call, customer_id, which, **options)])
        return outcome

    def step(self, call: str, customer_id: str, which: str, **options: Unpack[Options]) -> Json:
        """Writes one call down for a scenario."""
        credentials = {"client_id": self._emulator.client_id, "client_secret": self._emulator.client_secret}
        return {**credentials, "call": call, "customer_id": customer_id, "which": which, **options}

    def run(self, steps: list[Json]) -> list[Outcome]:
        """Makes several calls in order."""
        return self._driver.ask({"base_url": self._emulator.base_url, "steps": steps})

    def exception(self, status: int) -> str:
        """Names the exception that a merchant catches for `status` in this SDK."""
        return PYTHON_EXCEPTIONS[status] if self.release.language == "python" else "AxiosError"
