"""`serve` is killed: its worker ends too, and everything acknowledged is there after a restart."""

from __future__ import annotations

import select
from dataclasses import replace
from pathlib import Path

from tests.scenarios.expectations import counter_of
from tests.support.commands import tokenvault
from tests.support.emulator_process import STOP_SECONDS, instruments
from tests.support.served_process import kill_all, started


def test_a_worker_does_not_outlive_its_parent(tmp_path: Path) -> None:
    with started(tmp_path / "vault") as (running, process):
        running.save("asha")
        process.kill()
        assert process.stdout
        # Standard output ends when the last process that has it open has ended.
        ended, _, _ = select.select([process.stdout], [], [], STOP_SECONDS)
        assert ended, "the worker still runs"
        assert process.stdout.read() == b""


def test_a_served_vault_that_was_killed_has_everything_that_it_acknowledged(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    with started(vault) as (running, process):
        kept, deleted = (instruments("asha", running.save("asha")["instrument_id"]) for _ in range(2))
        spent = [running.ask("GET", kept + "/cryptogram")[1]["cryptogram"] for _ in range(20)]
        assert running.ask("DELETE", deleted)[0] == 200
        kill_all(process)
    audit = tokenvault("audit", "verify", "--config", str(vault / "tokenvault.toml"))
    assert audit.returncode == 0, audit.stderr
    with started(vault) as (restarted, _):
        again = replace(running, base_url=restarted.base_url)
        assert (again.ask("GET", kept)[0], again.ask("GET", deleted)[0]) == (200, 404)
        _, cryptogram = again.ask("GET", kept + "/cryptogram")
        assert counter_of(cryptogram["cryptogram"]) > max(map(counter_of, spent))
