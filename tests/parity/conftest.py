"""The outcomes of all scenarios, with the official package and with the drop-in."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.conformance import environments
from tests.parity.server import scripted_server
from tests.repository import tree
from tests.support.emulator_process import Emulator, emulator

RELEASES = {"4.5.1": 4, "5.0.5": 5, "6.0.1": 6}
CARDS_TO_DELETE = 3
SECONDS = 120

Outcome = dict[str, Any]


class Outcomes(NamedTuple):
    """The outcome of every scenario, with the official package and with the drop-in."""

    official: dict[str, Outcome]
    own: dict[str, Outcome]


@pytest.fixture(scope="session")
def outcomes_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcomes]:
    """Return a function that runs the scenarios with a release, and with the drop-in in its style.

    Each release runs once. The workers of pytest-xdist share the outcomes through a file.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    @functools.cache
    def outcomes(release: str) -> Outcomes:
        return Outcomes(**shared(folder / f"parity-{release}.json", lambda: run_both(release)._asdict()))

    return outcomes


def shared(file: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the content of a JSON file. Only the first process computes it; the others wait for it."""
    with environments.file_lock(file.with_name(f"{file.name}.lock")):
        if not file.exists():
            file.write_text(json.dumps(compute()), encoding="utf-8")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def run_both(release: str) -> Outcomes:
    """Run the scenarios in both environments at the same time, against the same servers and cards."""
    style = RELEASES[release]
    with emulator("--no-rate-limits") as vault, scripted_server() as scripted, ThreadPoolExecutor() as executor:
        settings = saved_cards(vault) | {"scripted": scripted, "closed_port": f"http://127.0.0.1:{free_port()}/pg"}
        pythons = [str(environments.python_environment(release)), sys.executable]
        official, own = executor.map(lambda python: run_driver(python, style, settings), pythons)
    return Outcomes(official, own)


def saved_cards(vault: Emulator) -> dict[str, Any]:
    """Save one card to read, and cards of another customer to delete."""
    customer, other = (f"parity_{uuid4().hex[:12]}" for _ in range(2))
    return {
        "vault": vault.base_url,
        "client_id": vault.client_id,
        "client_secret": vault.client_secret,
        "customer": customer,
        "instrument": vault.save(customer)["instrument_id"],
        "deleting_customer": other,
        "cards_to_delete": [vault.save(other)["instrument_id"] for _ in range(CARDS_TO_DELETE)],
    }


def run_driver(python: str, style: int, settings: dict[str, Any]) -> dict[str, Outcome]:
    """Run the scenarios with an interpreter."""
    command = [python, "-W", "ignore", "-m", "tests.parity.driver"]
    # The prefix keeps the idempotency keys of the two packages apart.
    message = json.dumps({"style": style, "settings": settings | {"key_prefix": uuid4().hex}})
    done = subprocess.run(
        command, cwd=tree.ROOT, input=message, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, Outcome] = json.loads(done.stdout)
    return outcomes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
