"""What both packages are asked, and where: one vault and one scripted server for all scenarios."""

from __future__ import annotations

import functools
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.conformance import environments
from tests.parity.server import scripted
from tests.repository import tree
from tests.support.emulator_process import Emulator, emulator

RELEASES = {"4.5.1": 4, "5.0.5": 5, "6.0.1": 6}
DOOMED = 3
SECONDS = 120

Outcome = dict[str, Any]


class Both(NamedTuple):
    """What came of every scenario, with the official package and with ours."""

    theirs: dict[str, Outcome]
    ours: dict[str, Outcome]


@pytest.fixture(scope="session")
def both_of() -> Iterator[Callable[[str], Both]]:
    """Goes through the scenarios with a release and with ours in its style, when first asked."""
    with emulator("--no-rate-limits") as vault, scripted() as elsewhere:
        yield functools.cache(lambda release: compared(release, vault, elsewhere))


def compared(release: str, vault: Emulator, elsewhere: str) -> Both:
    """Goes through the scenarios in both environments, with the same cards."""
    places = saved(vault) | {"scripted": elsewhere, "nobody": f"http://127.0.0.1:{free_port()}/pg"}
    style = RELEASES[release]
    theirs = driven(str(environments.python_environment(release)), style, places | {"side": uuid4().hex})
    return Both(theirs, driven(sys.executable, style, places | {"side": uuid4().hex}))


def saved(vault: Emulator) -> dict[str, Any]:
    """Saves cards: one to keep, some of another customer to delete."""
    customer, departing = (f"parity_{uuid4().hex[:12]}" for _ in range(2))
    return {
        "vault": vault.base_url,
        "client_id": vault.client_id,
        "client_secret": vault.client_secret,
        "customer": customer,
        "instrument": vault.save(customer)["instrument_id"],
        "departing": departing,
        "doomed": [vault.save(departing)["instrument_id"] for _ in range(DOOMED)],
    }


def driven(python: str, style: int, places: dict[str, Any]) -> dict[str, Outcome]:
    """Runs the scenarios in an environment."""
    command = [python, "-W", "ignore", "-m", "tests.parity.driver"]
    told = json.dumps({"style": style, "places": places})
    done = subprocess.run(
        command, cwd=tree.ROOT, input=told, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, Outcome] = json.loads(done.stdout)
    return outcomes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
