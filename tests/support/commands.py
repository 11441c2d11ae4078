"""The `tokenvault` command, run in this process: starting an interpreter takes longer than most commands do."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

from tokenvault_server.cli import main

RUN_SECONDS = 30


class Finished(NamedTuple):
    """The exit code and the output of a command."""

    returncode: int
    stdout: str
    stderr: str


def tokenvault(*arguments: str) -> Finished:
    """Run the command as an operator does."""
    code: int | str | None = 0
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
    assert code is None or isinstance(code, int), code
    return Finished(code or 0, stdout.getvalue(), stderr.getvalue())


def run_json(*arguments: str) -> Any:
    """Run a command that must succeed with `--json`; return what it printed."""
    done = tokenvault(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
