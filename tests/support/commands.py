"""The `tokenvault` command as operators run it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

RUN_SECONDS = 30


def tokenvault(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command and gives how it ended and what it said."""
    command = [sys.executable, "-m", "tokenvault_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)


def run_json(*arguments: str) -> Any:
    """Runs a command that must succeed with `--json`, and gives what it told."""
    done = tokenvault(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
