"""No failure of a server shows a secret in an error tracker, in a log or in what it raises to its HTTP server."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from pprint import pformat

import pytest
from rich.pretty import pretty_repr

from tests.client.disclosure import errors_behind, locals_of, texts_of, without_frames_of_tests
from tests.security.faults import MISTAKES
from tests.security.server_failures import ACTS, Server, a_server, steps_of
from tests.support.commands import tokenvault
from tests.support.served_process import initialised
from tokenvault_server.telemetry.logs import JsonLines

CRYPTOGRAM = re.compile(r"oQ[A-Za-z0-9+/]{25}=")
"""The built-in token service makes cryptograms of this form."""


def found_in(roots: Iterable[object], secrets: Iterable[str]) -> list[str]:
    """Return where secrets or cryptograms can be seen."""
    wanted = list(secrets)
    return [
        f"{path}: {text[:60]}"
        for path, text in texts_of(roots)
        if CRYPTOGRAM.search(text) or any(secret in text for secret in wanted)
    ]


def shown_by(server: Server) -> dict[str, object]:
    """Return all that left the server, as logs, debuggers and error trackers look at it."""
    shown: dict[str, object] = {}
    for number, record in enumerate(server.escaped.records):
        shown[f"record {number}"] = vars(record)
        shown[f"lines of record {number}"] = [JsonLines().format(record), logging.Formatter().format(record)]
        if record.exc_info and record.exc_info[1]:
            shown |= {f"{name} of record {number}": value for name, value in locals_of(record.exc_info[1]).items()}
    for number, error in enumerate(server.escaped.errors):
        frames = locals_of(error)
        shown |= {f"{name} of error {number}": value for name, value in frames.items()}
        shown[f"rich on error {number}"] = pretty_repr(frames)
        for each in errors_behind(error):
            shown[f"pickle of error {number}"] = [pickle.dumps(each), pformat(vars(each)), vars(copy.copy(each))]
    return shown


@pytest.mark.parametrize("act", ACTS)
async def test_no_step_of_a_call_or_task_shows_a_secret_when_it_fails(tmp_path: Path, act: str) -> None:
    steps: Counter[str] = Counter()
    async with a_server(tmp_path / "vault") as server:
        for mistake, make in MISTAKES.items():
            async for step in steps_of(server, ACTS[act], make):
                secrets = server.secrets | {each.decode("latin-1") for each in server.kek.materials}
                assert found_in(shown_by(server).values(), secrets) == [], f"{act}, {mistake}, step {step}"
                steps[mistake] += 1
        assert min(steps[mistake] for mistake in MISTAKES) >= 1, steps
        status, _ = await server.call("GET", server.path)
        assert status == 200


async def test_failures_are_still_logged_with_the_lines_that_raised_them(tmp_path: Path) -> None:
    async with a_server(tmp_path / "vault") as server:
        async for _ in steps_of(server, ACTS["fetch"], MISTAKES["of another package"]):
            line = json.loads(JsonLines().format(server.escaped.records[0]))
            assert line["error"] == "ForeignError"
            assert "faults.py:" in line["where"][-1]


def test_sentry_records_no_secret_in_the_frames_that_fail_or_log() -> None:
    command = [sys.executable, "-m", "tests.security.server_failures"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert len(printed["events"]) > 100
    assert found_in([without_frames_of_tests(printed["events"])], printed["secrets"]) == []


PASSWORD = "correct-horse-battery-staple"
COMMANDS = {
    "an unreachable database": ("init", "DIR/new", "--store", f"postgresql://me:{PASSWORD}@127.0.0.1:1/vault"),
    "no URL": ("init", "DIR/new", "--store", f"postgresql://me:{PASSWORD}@[::1/vault"),
    "no tables": ("merchant", "add", "Shop", "--config", "DIR/vault/tokenvault.toml"),
    "no tables for a check": ("audit", "verify", "--config", "DIR/vault/tokenvault.toml"),
    "no tables for a doctor": ("doctor", "--config", "DIR/vault/tokenvault.toml"),
    "no configuration": ("merchant", "list", "--config", "DIR/nowhere.toml"),
    "a damaged key file": ("merchant", "list", "--config", "DIR/damaged/tokenvault.toml"),
    "an unknown option": ("merchant", "list", f"--passphrase={PASSWORD}"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_fails_shows_no_secret_and_leaves_no_error_behind(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenvault_server import cli

    for name in ("vault", "damaged"):
        initialised(tmp_path / name)
    (tmp_path / "vault" / "vault.db").write_bytes(b"no database" * 1_000)
    key_file = tmp_path / "damaged" / "master.key"
    master_key = json.loads(key_file.read_text())["keys"]["1"]
    key_file.write_text(key_file.read_text().replace('"format": 1', '"format": 9'))
    monkeypatch.setenv("TOKENVAULT_STORE_PASSWORD", PASSWORD)
    arguments = [part.replace("DIR", str(tmp_path)) for part in COMMANDS[command]]
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert list(errors_behind(ended.value)) == [ended.value]
    done = tokenvault(*arguments)
    frames = {name: value for name, value in locals_of(ended.value).items() if "arguments in main" not in name}
    assert found_in([frames, done.stdout, done.stderr], [PASSWORD, master_key]) == []
