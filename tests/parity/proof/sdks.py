"""The SDKs that are compared, each run in a process and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
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

    def run(
        self, program: str, base_url: str, *, seconds: float = PROGRAM_SECONDS, after: threading.Event | None = None
    ) -> Said | None:
        """Runs a program against a server; gives None if it has not ended by then, and ends it.

        The seconds begin with the program, or when `after` is set.
        """
        arguments = [str(HERE / "program.py"), str(HERE / self.programs), program]
        with self._started(arguments, BASE_URL=base_url) as process:
            if after:
                after.wait(PROGRAM_SECONDS)
            try:
                return Said(**json.loads(process.communicate(timeout=seconds)[0]))
            except subprocess.TimeoutExpired:
                process.kill()
                return None

    def requires(self) -> list[str]:
        """Gives what the installed distribution says that it needs."""
        asked = f"import importlib.metadata as it, json; print(json.dumps(it.requires({self.distribution!r})))"
        with self._started(["-c", asked]) as process:
            required: list[str] = json.loads(process.communicate(timeout=PROGRAM_SECONDS)[0]) or []
        return required

    def _started(self, arguments: list[str], **environ: str) -> subprocess.Popen[str]:
        # -I: nothing of this repository may be importable there. The official SDK warns of its own models on import.
        command = [self.python, "-I", "-W", "ignore", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environ)


def official() -> Sdk:
    """Gives the newest official SDK, in its own environment."""
    release = "6.0.1"
    python = str(environments.python_environment(release))
    return Sdk(f"official cashfree_pg {release}", "cashfree_pg", python, "with_cashfree_pg.py")


def our_drop_in() -> Sdk:
    """Gives our package of the same import name, which runs the official one's programs as they are."""
    return Sdk("cashfree_pg of Tokenvault", "tokenvault-cashfree-pg", sys.executable, "with_cashfree_pg.py")


def our_client() -> Sdk:
    """Gives our client."""
    return Sdk("tokenvault_client", "tokenvault-client", sys.executable, "with_tokenvault_client.py")
