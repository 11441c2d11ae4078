"""`tokenvault audit`: what commands leave signed, and the anchor, which only an operator renews."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Finished, run_json, tokenvault
from tests.support.served_process import initialised


class Operator:
    """Runs commands on one vault."""

    def __init__(self, folder: Path) -> None:
        self.config = str(folder / "tokenvault.toml")
        self.anchor = folder / "audit-anchor.json"
        self.database = folder / "vault.db"

    def run(self, *arguments: str) -> Finished:
        return tokenvault(*arguments, "--config", self.config)

    def json(self, *arguments: str) -> Any:
        return run_json(*arguments, "--config", self.config)

    def write(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database)) as database, database:
            database.execute(statement)

    def own_entries(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.database)) as database:
            rows = database.execute("SELECT entry FROM audit_entries WHERE merchant_id LIKE 'vlt%' ORDER BY sequence")
            return [json.loads(row[0]) for row in rows]


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    initialised(tmp_path / "vault")
    return Operator(tmp_path / "vault")


def test_a_command_leaves_nothing_unsigned(operator: Operator) -> None:
    operator.json("merchant", "add", "Corner Shop")
    report = operator.json("audit", "verify")
    assert (report["intact"], report["unsigned_entries"], report["entries"]) == (True, 0, 2)
    assert json.loads(operator.anchor.read_bytes())["number"] == report["checkpoints"] == 2


def test_a_command_that_writes_nothing_makes_no_checkpoint(operator: Operator) -> None:
    operator.json("merchant", "list")
    assert operator.json("audit", "verify")["checkpoints"] == 1


def test_the_anchor_of_an_untouched_vault_matches(operator: Operator) -> None:
    assert operator.json("audit", "anchor") == {"anchor": "matches"}


def test_a_command_does_not_bring_a_removed_anchor_back(operator: Operator) -> None:
    operator.anchor.unlink()
    operator.json("merchant", "add", "Corner Shop")
    assert not operator.anchor.exists()
    shown = operator.run("audit", "anchor")
    assert (shown.returncode, shown.stdout) == (1, "anchor: missing\n")
    assert "the anchor file is missing although checkpoints were made" in operator.run("audit", "verify").stderr


def test_a_command_leaves_an_anchor_that_contradicts_the_database_alone(operator: Operator) -> None:
    foreign = json.dumps({"number": 1, "hash": "00" * 32})
    operator.anchor.write_text(foreign)
    operator.json("merchant", "add", "Corner Shop")
    assert operator.anchor.read_text() == foreign
    assert operator.run("audit", "anchor").stdout == "anchor: contradicted\n"


def test_a_new_anchor_is_an_operators_command_and_an_audit_entry(operator: Operator) -> None:
    operator.anchor.unlink()
    assert operator.json("audit", "anchor", "--new", "--reason", "second server") == {"anchor": "matches"}
    entry = operator.own_entries()[-1]
    assert (entry["action"], entry["actor"]) == ("audit.anchor_renewed", "cli")
    assert entry["details"] == {"reason": "second server", "was": "missing", "findings": 0}
    report = operator.json("audit", "verify")
    assert (report["intact"], report["unsigned_entries"]) == (True, 0)


def test_a_new_anchor_needs_a_reason(operator: Operator) -> None:
    operator.anchor.unlink()
    assert operator.run("audit", "anchor", "--new").returncode == 2
    assert operator.run("audit", "anchor", "--new", "--reason", "4706131211212123").returncode == 3
    assert not operator.anchor.exists()


def test_a_broken_trail_gets_no_new_anchor_unless_it_is_forced(operator: Operator) -> None:
    operator.anchor.unlink()
    operator.write("UPDATE audit_entries SET entry = CAST('{}' AS BLOB)")
    renew = ("audit", "anchor", "--new", "--reason", "investigated, case 7")
    refused = operator.run(*renew)
    assert (refused.returncode, "entry 1 was altered" in refused.stderr, operator.anchor.exists()) == (1, True, False)
    assert operator.run(*renew, "--force").returncode == 0
    assert operator.own_entries()[-1]["details"]["findings"] == 1
    assert operator.anchor.exists()


def test_a_vault_without_anchor_gets_none(operator: Operator) -> None:
    config = Path(operator.config)
    config.write_text(config.read_text().replace('"audit-anchor.json"', '""'))
    assert operator.json("audit", "anchor") == {"anchor": "none"}
    assert operator.run("audit", "anchor", "--new", "--reason", "none").returncode == 3
