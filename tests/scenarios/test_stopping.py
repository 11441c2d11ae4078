"""A server stops when it is asked to, even during its start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

from tests.support.emulator_process import START_SECONDS, STOP_SECONDS
from tests.support.served_process import TRY_AGAIN_SECONDS, free_port, initialised, kill_all


def test_a_worker_can_be_stopped_during_its_start(tmp_path: Path) -> None:
    config, reached = initialised(tmp_path / "vault"), tmp_path / "reached"
    command = [sys.executable, "-m", "tests.support.slow_start", str(reached), "serve", "--config", str(config)]
    ports = {f"TOKENVAULT_{name}": str(free_port()) for name in ("PORT", "ADMIN_PORT")}
    with subprocess.Popen(command, env=os.environ | ports, start_new_session=True) as process:
        try:
            await_file(reached)
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0
        finally:
            kill_all(process)


def await_file(file: Path) -> None:
    never = Event()
    for _ in range(int(START_SECONDS / TRY_AGAIN_SECONDS)):
        if file.exists():
            return
        never.wait(TRY_AGAIN_SECONDS)
    raise AssertionError(f"nobody came to {file.name} in {START_SECONDS} seconds")
