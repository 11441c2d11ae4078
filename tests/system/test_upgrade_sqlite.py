"""A vault on SQLite that the previous release made, served and filled is served by this one after a short pause."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from tests.support.commands import tokenvault
from tests.support.emulator_process import STOP_SECONDS, instruments
from tests.support.served_process import started
from tests.system import previous
from tokenvault_server.settings import CONFIG_FILE

pytestmark = pytest.mark.system

PAUSE_SECONDS = 60
"""On a busy machine; the page says what it is on a quiet one."""


def test_the_vault_is_stopped_migrated_and_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = previous.unpack(tmp_path / "old")
    sources = os.pathsep.join(str(release / "packages" / name / "src") for name in ("contract", "server"))
    vault, config = tmp_path / "vault", tmp_path / "vault" / CONFIG_FILE
    with monkeypatch.context() as old:
        old.setenv("PYTHONPATH", sources)
        command("init", str(vault))
        merchant = json.loads(command("merchant", "add", "Corner Shop", "--json", "--config", str(config)))
        with started(vault, merchant=merchant) as (server, process):
            card = instruments("asha", server.save("asha")["instrument_id"])
            counter = server.ask("GET", f"{card}/cryptogram")[1]
            began = monotonic()
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0
    migrated = tokenvault("migrate", "--config", str(config))
    assert migrated.returncode == 0, migrated.stderr
    with started(vault, merchant=merchant) as (server, process):
        status, cryptogram = server.ask("GET", f"{card}/cryptogram")
        assert (status, monotonic() - began < PAUSE_SECONDS) == (200, True)
        assert cryptogram["cryptogram"] != counter["cryptogram"]
        server.save("asha")
        process.terminate()
        process.wait(STOP_SECONDS)
    assert tokenvault("audit", "verify", "--config", str(config)).returncode == 0
    assert tokenvault("doctor", "--deep", "--config", str(config)).returncode == 0


def command(*arguments: str) -> str:
    """Run a command of the release that `PYTHONPATH` names; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "tokenvault_server", *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout
