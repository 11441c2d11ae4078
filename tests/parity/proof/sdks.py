"""The SDKs that are compared, each in its own process and environment."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conformance import environments

HERE = Path(__file__).resolve().parent
PROGRAM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a program: the class of its exception, if any, and its duration."""

    raised: str | None
    seconds: float

    def __str__(self) -> str:
        return self.raised or "raises nothing"


@dataclass
class Sdk:
    """One SDK: its distribution, an interpreter that can import it, and the programs that use it.

    Its process starts with the first program and serves all later ones.
    """

    name: str
    distribution: str
    python: str
    programs: str
    is_official: bool = False
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def run(
        self, program: str, base_url: str, *, seconds: float = PROGRAM_SECONDS, after: threading.Event | None = None
    ) -> Result | None:
        """Run a program against a server. Return None, and kill the process, if it does not end in time.

        Args:
            program: The name of a function in the file of programs.
            base_url: The address of the server.
            seconds: The time within which the program must end.
            after: An event at which that time begins. The default is the start of the program.
        """
        process = self._running_process()
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"program": program, "base_url": base_url}) + "\n")
        process.stdin.flush()
        if after:
            after.wait(PROGRAM_SECONDS)
        readable, _, _ = select.select([process.stdout], [], [], seconds)
        if not readable:
            process.kill()
            self.close()
            return None
        line = process.stdout.readline()
        assert line, f"{self.name} ended with {process.wait()} instead of a result"
        return Result(**json.loads(line))

    def requires(self) -> list[str]:
        """Return the requirements of the installed distribution."""
        code = f"import importlib.metadata as it, json; print(json.dumps(it.requires({self.distribution!r})))"
        done = subprocess.run([self.python, "-I", "-c", code], capture_output=True, text=True, check=True)
        required: list[str] = json.loads(done.stdout) or []
        return required

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            with process:
                assert process.stdin
                process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _running_process(self) -> subprocess.Popen[str]:
        if self._process is None:
            # With -I, nothing of this repository can be imported. The official SDK emits warnings on import.
            command = [self.python, "-I", "-W", "ignore", str(HERE / "program.py"), str(HERE / self.programs)]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=dict(os.environ))
        return self._process


def official() -> Sdk:
    """Return the newest official SDK, in its own environment."""
    release = "6.0.1"
    python = str(environments.python_environment(release))
    return Sdk(f"official cashfree_pg {release}", "cashfree_pg", python, "with_cashfree_pg.py", is_official=True)


def drop_in() -> Sdk:
    """Return the drop-in with the same import name. It runs the programs of the official SDK unchanged."""
    return Sdk("cashfree_pg of Tokenvault", "tokenvault-cashfree-pg", sys.executable, "with_cashfree_pg.py")


def client() -> Sdk:
    """Return the client."""
    return Sdk("tokenvault_client", "tokenvault-client", sys.executable, "with_tokenvault_client.py")
