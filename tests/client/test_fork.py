"""A client survives a fork: the child opens its own connections."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.client.recording_server import recording_server
from tests.client.transports import TRANSPORTS

SECONDS = 60


CALLS = [
    *("before_any_call/child", "before_any_call/parent"),
    *("by_fork/parent", "by_fork/child", "by_fork/parent-again"),
    *("by_two_forks/parent", "by_two_forks/child", "by_two_forks/grandchild"),
    *("by_multiprocessing/parent", *(f"by_multiprocessing/worker-{number}" for number in range(3))),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_calls_succeed_on_both_sides_of_a_fork(transport: str) -> None:
    with recording_server() as server:
        program = [sys.executable, "-m", "tests.client.forking", transport, server.base_url]
        done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=SECONDS)
        request_ids = sorted(dict(request.headers)["x-request-id"] for request in server.requests)
    assert sorted(done.stdout.splitlines()) == sorted(f"{call} 200" for call in CALLS)
    assert request_ids == sorted(CALLS)


def test_gunicorn_can_preload_an_application_that_has_made_calls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with recording_server() as server:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", f"--bind=127.0.0.1:{port}"]
        environment = os.environ | {"BASE_URL": server.base_url}
        with subprocess.Popen([*command, "tests.client.preloaded_app:application"], env=environment) as process:
            try:
                responses = {fetch(port, process) for _ in range(10)}
            finally:
                process.terminate()
                process.wait(SECONDS)
    assert {status for _, status in responses} == {"200"}
    assert str(process.pid) not in {pid for pid, _ in responses}


def fetch(port: int, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Return the process id of the worker that responded, and its response. Retry until one listens."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=SECONDS) as response:
                pid, status = response.read().decode().split()
                return pid, status
        except (ConnectionError, urllib.error.URLError):
            continue
    raise AssertionError(f"gunicorn ended with {process.returncode}")
