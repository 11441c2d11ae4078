"""`tokenvault emulator exec` gives a command an emulator, and passes signals and its exit code on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import click
import pytest

from tokenvault_server.cli.emulator import command
from tokenvault_server.cli.emulator_exec import _chosen, exec_command

SECONDS = 60
EXEC = [sys.executable, "-m", "tokenvault_server", "emulator", "exec"]
CALLS = """
import json, os, sys, urllib.error, urllib.request
base, client_id, secret = (os.environ["CASHFREE_" + name] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"))
for path, sent in (("asha", secret), ("4706131211212123", secret), ("asha", "wrong")):
    url = base + "/customers/" + path + "/instruments?instrument_type=card"
    headers = {"x-client-id": client_id, "x-client-secret": sent, "x-api-version": "2026-01-01"}
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read()
    except urllib.error.HTTPError as error:
        error.read()
names = sorted(name for name in os.environ if name.startswith("CASHFREE_") or name == "TOKENVAULT_CONTROL_URL")
print(json.dumps(names))
sys.exit(7)
"""
WAIT = "print('ready', flush=True); signal.pause()"


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EXEC, *words], env=os.environ | variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_a_command_finds_the_emulator_and_its_exit_code_is_passed_on() -> None:
    done = run("--", sys.executable, "-c", CALLS, CASHFREE_ENVIRONMENT="production", CASHFREE_PARTNER_API_KEY="key")
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout) == [
        "CASHFREE_BASE_URL",
        "CASHFREE_CLIENT_ID",
        "CASHFREE_CLIENT_SECRET",
        "CASHFREE_WEBHOOK_SECRET",
        "TOKENVAULT_CONTROL_URL",
    ]
    lines = [re.sub(r"\d+ ms", "N ms", line) for line in done.stderr.splitlines()]
    assert lines == [
        "GET /pg/customers/asha/instruments 200 N ms",
        "GET /pg/customers/[card number]/instruments 400 N ms",
        "GET /pg/customers/asha/instruments 401 N ms: x-client-secret is wrong: no merchant of this emulator has it",
    ]


def test_a_command_that_does_not_exist_is_127_and_quiet_prints_no_calls() -> None:
    done = run("--quiet", "no-such-command")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "error: there is no command no-such-command\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        (f"import signal; {WAIT}", 128 + signal.SIGTERM),
        (f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); {WAIT}", 5),
    ],
    ids=["that dies of it", "that handles it"],
)
def test_a_signal_reaches_a_command(program: str, code: int) -> None:
    words = [*EXEC, "--quiet", "--", sys.executable, "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(SECONDS) == code


def chosen(before: list[str], after: list[str]) -> dict[str, Any]:
    parent = click.Context(command, info_name="emulator")
    command.parse_args(parent, [*before, "exec"])
    return _chosen(exec_command.make_context("exec", [*after, "true"], parent=parent))


def test_options_may_stand_before_and_after_exec() -> None:
    assert chosen(["--seed", "demo", "--strict"], [])["seeds"] == ("demo",)
    both = chosen(["--seed", "demo", "--port", "9"], ["--port", "8"])
    assert (both["seeds"], both["port"]) == (("demo",), 8)


def test_exec_takes_a_free_port_unless_one_is_named() -> None:
    assert chosen([], [])["port"] == 0
    assert chosen(["--port", "8480"], [])["port"] == 8480
