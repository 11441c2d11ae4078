"""The SDKs that are compared, each run in a process and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import environments

HERE = Path(__file__).resolve().parent
PROGRAM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a program: the name of what it raised, if it did, and how long it took."""

    raised: str | None
    seconds: float

    def __str__(self) -> str:
        return self.raised or "raises nothing"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK: its distribution, an interpreter that has it, and the programs that are written with it."""

    name: str
    distribution: str
    python: str
    programs: str

    def run(self, program: str, base_url: str, *, seconds: float = PROGRAM_SECONDS) -> Said | None:
        """Runs a program against a server; gives None if it has not ended by then, and ends it."""
        command = [str(HERE / "program.py"), str(HERE / self.programs), program]
        try:
            return Said(**json.loads(self._printed(command, seconds, BASE_URL=base_url)))
        except subprocess.TimeoutExpired:
            return None

    def requires(self) -> list[str]:
        """Gives what the installed distribution says that it needs."""
        asked = (
            f"import importlib.metadata, json; print(json.dumps(importlib.metadata.requires({self.distribution!r})))"
        )
        required: list[str] = json.loads(self._printed(["-c", asked], PROGRAM_SECONDS)) or []
        return required

    def _printed(self, arguments: list[str], seconds: float, **environ: str) -> str:
        # -I: nothing of this repository may be importable there. The official SDK warns of its own models on import.
        command = [self.python, "-I", "-W", "ignore", *arguments]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=seconds, check=True, env=os.environ | environ
        )
        return done.stdout


def official() -> Sdk:
    """Gives the newest official SDK, in its own environment."""
    release = "6.0.1"
    python = str(environments.python_environment(release))
    return Sdk(f"official cashfree_pg {release}", "cashfree_pg", python, "with_cashfree_pg.py")


def our_client() -> Sdk:
    """Gives our client."""
    return Sdk("tokenvault_client", "tokenvault-client", sys.executable, "with_tokenvault_client.py")
