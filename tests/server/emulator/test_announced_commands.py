"""The commands that an emulator prints work as printed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import read_until

LAST_LINE = b"Press Ctrl+C to stop."
SECONDS = 30


@pytest.fixture(scope="module")
def output() -> Iterator[str]:
    """The output of an emulator that keeps running."""
    command = [sys.executable, "-m", "tokenvault_server", "emulator", "--port", "0", "--seed", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield read_until(process, LAST_LINE).decode()
        finally:
            process.terminate()


def test_the_printed_curl_fetches_a_cryptogram(output: str) -> None:
    command = output[output.index("  curl ") :].partition("\n\n")[0]
    assert json.loads(run(["bash", "-c", command]))["cryptogram"]


def test_the_printed_python_fetches_a_cryptogram(output: str, tmp_path: Path) -> None:
    program = output[output.index("from cashfree_pg import") :].partition("\n\n")[0]
    (tmp_path / "pasted.py").write_text(program)
    assert json.loads(run([sys.executable, str(tmp_path / "pasted.py")]))["cryptogram"]


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
