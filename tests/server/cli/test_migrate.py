"""`tokenvault migrate`: missing migrations are listed, and applied once also by concurrent processes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.builders import settings_in, sql
from tests.support.commands import RUN_SECONDS, tokenvault
from tests.support.databases import BOTH, SQLITE, TestServer
from tests.support.served_process import initialised
from tokenvault_server.bootstrap import open_engine
from tokenvault_server.cli import UNAVAILABLE
from tokenvault_server.database.migrate import migrations_of
from tokenvault_server.settings import CONFIG_FILE, Settings, load
from tokenvault_server.tsp.local import setup as tsp
from tokenvault_server.vault import initialisation

ALL_MIGRATIONS = {
    "store": [migration.name for migration in migrations_of(initialisation.SCHEMA)],
    "tsp_store": [migration.name for migration in migrations_of(tsp.PACKAGE)],
}
PROCESSES = 4


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def config(store_kind: str, tmp_path: Path, postgres_servers: Callable[[str], TestServer]) -> Iterator[Path]:
    """The configuration of two empty databases."""
    settings_in(tmp_path)
    urls = [f"sqlite:///{tmp_path / name}" for name in ("vault.db", "tsp.db")]
    with ExitStack() as databases:
        if store_kind == SQLITE:
            for url in urls:
                Path(url.removeprefix("sqlite:///")).touch(0o600)
        else:
            urls = [databases.enter_context(postgres_servers(store_kind).database()) for _ in urls]
        config = tmp_path / CONFIG_FILE
        config.write_text(f'store = "{urls[0]}"\ntsp_store = "{urls[1]}"\nkey_provider = "file:master.key"\n')
        yield config


def test_check_lists_what_is_missing_and_changes_nothing(config: Path) -> None:
    for _ in range(2):
        done = tokenvault("migrate", "--check", "--json", "--config", str(config))
        assert (done.returncode, json.loads(done.stdout)) == (1, {"missing": ALL_MIGRATIONS})


def test_of_four_concurrent_processes_one_applies_each_migration(config: Path) -> None:
    command = [sys.executable, "-m", "tokenvault_server", "migrate", "--json", "--config", str(config)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    applied = [json.loads(process.communicate(timeout=RUN_SECONDS)[0])["applied"] for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES
    for store, names in ALL_MIGRATIONS.items():
        assert sorted(each[store] for each in applied) == [[], [], [], names]
    done = tokenvault("migrate", "--check", "--config", str(config))
    assert (done.returncode, done.stdout) == (0, "nothing is missing\n")


def test_a_newer_schema_is_neither_migrated_nor_used(config: Path) -> None:
    assert tokenvault("migrate", "--config", str(config)).returncode == 0
    asyncio.run(install_a_newer_schema(str(load({}, config).store)))
    for command in (["migrate"], ["migrate", "--check"], ["merchant", "list"]):
        done = tokenvault(*command, "--config", str(config))
        assert done.returncode == UNAVAILABLE
        assert "newer version" in done.stderr


def test_a_newer_schema_that_works_with_this_version_is_used_but_not_copied(tmp_path: Path) -> None:
    config = initialised(tmp_path / "vault")
    store = tmp_path / "vault" / "vault.db"
    newest = len(ALL_MIGRATIONS["store"])
    with closing(sqlite3.connect(store)) as database, database:
        name = f"9999_works_with_{newest:04d}_flying_cars.sql"
        database.execute("INSERT INTO schema_migrations VALUES (9999, ?, '', 0)", (name,))
    assert tokenvault("migrate", "--config", str(config)).stdout == "nothing is missing\n"
    assert tokenvault("merchant", "add", "Corner Shop", "--config", str(config)).returncode == 0
    done = tokenvault("copy", "--from", f"sqlite:///{store}", "--to", f"sqlite:///{tmp_path / 'copy.db'}")
    assert (done.returncode, "newer schema" in done.stderr) == (UNAVAILABLE, True)


def test_the_database_of_a_further_token_service_is_made(tmp_path: Path) -> None:
    config = initialised(tmp_path / "vault")
    text = '[tsp.second]\nkind = "local"\nstore = "sqlite:///second.db"\n[tsp.routes]\nvisa = "second"\n'
    config.write_text(config.read_text() + text)
    done = tokenvault("migrate", "--check", "--config", str(config))
    assert (done.returncode, "second.db" in done.stderr) == (UNAVAILABLE, True)
    done = tokenvault("migrate", "--json", "--config", str(config))
    assert json.loads(done.stdout)["applied"] == {
        "store": [],
        "tsp_store": [],
        "tsp.second": ALL_MIGRATIONS["tsp_store"],
    }
    assert tokenvault("doctor", "--config", str(config)).returncode == 0


async def install_a_newer_schema(url: str) -> None:
    engine = await open_engine(url, new=False, password=None, settings=Settings())
    await sql(engine, "INSERT INTO schema_migrations VALUES (9999, '9999_flying_cars.sql', '', 0)")
    await sql(engine, "INSERT INTO vault (only_row, vault_id, created_at) VALUES (1, 'vlt_future', 0)")
    await engine.close()


def test_the_rows_of_an_older_vault_get_their_first_tags(tmp_path: Path) -> None:
    config = initialised(tmp_path / "vault")
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db")) as database, database:
        for older in ("row_tags", "keys WHERE purpose = 'row'", "audit_entries", "audit_heads"):
            database.execute(f"DELETE FROM {older}")
    options = ("--json", "--config", str(config))
    only_tags = {store: ["row tags"] if store == "store" else [] for store in ALL_MIGRATIONS}
    for verb, arguments, code in (("missing", ("--check",), 1), ("applied", (), 0)):
        done = tokenvault("migrate", *arguments, *options)
        assert (done.returncode, json.loads(done.stdout)) == (code, {verb: only_tags})
    assert json.loads(tokenvault("migrate", *options).stdout) == {"applied": {store: [] for store in ALL_MIGRATIONS}}
