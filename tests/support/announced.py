"""An emulator as `make run` starts it, and the program and variables that it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.docs.pages import read_until

LAST_WORDS = b"Press Ctrl+C to stop."
SECONDS = 60
HERE = Path(sys.executable)


class Announcement(NamedTuple):
    """The output of an emulator: a program, and variables to export."""

    program: str
    exports: dict[str, str]


@contextmanager
def announced(python: Path = HERE) -> Iterator[Announcement]:
    """Run an emulator with a demo card, of this environment or another, until the block ends."""
    command = [str(python), "-I", "-m", "tokenvault_server", "emulator", "--seed", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            text = read_until(process, LAST_WORDS).decode()
            program = text[text.index("from cashfree_pg import") :].partition("\n\n")[0]
            yield Announcement(program, dict(re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE)))
        finally:
            process.terminate()


def pasted(program: str, exports: dict[str, str], python: Path = HERE) -> str:
    """Return the output of a program in a process that has these variables only."""
    command = [str(python), "-I", "-c", program]
    done = subprocess.run(command, env=exports, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
