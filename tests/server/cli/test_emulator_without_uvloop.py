"""The emulator runs where uvloop does not exist."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.http_client import Connection

PROGRAM = """
import sys
sys.modules["uvloop"] = None  # an import of it fails
from tokenvault_server.cli import main
sys.argv = ["tokenvault", "emulator", "--json", "--port", "0", "--admin-port", "0"]
main()
"""


def test_the_emulator_runs_without_uvloop() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            base_url = json.loads(process.stdout.readline())["base_url"]
            with Connection(base_url, {"x-api-version": "2026-01-01"}) as connection:
                assert connection.ask("GET", "/customers/asha/instruments?instrument_type=card").status == 401
        finally:
            process.terminate()
