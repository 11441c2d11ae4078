"""Migrations after the first release let servers of the release before keep running, or say that they do not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.migrations import Package, importable
from tokenvault_server.database.migrate import Migration, migrations_of, oldest_that_works
from tokenvault_server.database.queries import CREATE_INDEX
from tokenvault_server.tsp.local import setup as tsp
from tokenvault_server.vault import initialisation

BEFORE_THE_RULE: Final = {initialisation.SCHEMA: 11, tsp.PACKAGE: 3}
"""The newest migrations that were written before there was a rule; they never change."""

ADDITIVE: Final = re.compile(
    r"CREATE TABLE \w+ \(.*"
    r"|CREATE INDEX \w+ ON \w+ .*"  # a unique one could reject what older software writes
    r"|ALTER TABLE \w+ ADD COLUMN \w+ [A-Z]+( NOT NULL DEFAULT ('[^']*'|\d+)| DEFAULT ('[^']*'|\d+))?"
    r"( CHECK \([^;]*\))?",
    re.DOTALL,
)
"""Statements after which older software can read and write as before."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    return importable(tmp_path, monkeypatch)


def texts(migration: Migration) -> list[str]:
    return [statement.query.text for statement in migration.statements]


def faults_of(migrations: Sequence[Migration], before_the_rule: int) -> list[str]:
    """Return what later migrations do to servers that are running."""
    later = [migration for migration in migrations if migration.number > before_the_rule]
    return [fault for migration in later for fault in (*blocking(migration), *incompatible(migration))]


def blocking(migration: Migration) -> list[str]:
    """Return which indexes a migration builds while calls wait."""
    created = {table for text in texts(migration) for table in re.findall(r"CREATE TABLE (\w+)", text)}
    built = [found.groups() for text in texts(migration) if (found := CREATE_INDEX.match(text))]
    return [
        f"{migration.name}: {name} is built while calls wait; write `-- concurrently --`"
        for name, table in built
        if table not in created and not migration.is_concurrent
    ]


def incompatible(migration: Migration) -> list[str]:
    """Return what a migration that works with older software does to that software."""
    if oldest_that_works(migration.name) == migration.number:
        return []
    return [
        f"{migration.name}: older software may not work after {text[:40]!r}"
        for text in texts(migration)
        if not ADDITIVE.fullmatch(text)
    ]


@pytest.mark.parametrize("package", BEFORE_THE_RULE)
def test_later_migrations_leave_running_servers_alone(package: str) -> None:
    assert faults_of(migrations_of(package), BEFORE_THE_RULE[package]) == []


@pytest.mark.parametrize(
    ("name", "text", "has_fault"),
    [
        ("0002_works_with_0001_x.sql", "ALTER TABLE t ADD COLUMN a TEXT", False),
        ("0002_works_with_0001_x.sql", "ALTER TABLE t ADD COLUMN a TEXT NOT NULL DEFAULT ''", False),
        ("0002_works_with_0001_x.sql", "ALTER TABLE t ADD COLUMN a TEXT NOT NULL", True),
        ("0002_works_with_0001_x.sql", "ALTER TABLE t DROP COLUMN a", True),
        ("0002_works_with_0001_x.sql", "UPDATE t SET a = ''", True),
        ("0002_works_with_0001_x.sql", "CREATE TABLE u (a TEXT); CREATE INDEX u_by_a ON u (a)", False),
        ("0002_works_with_0001_x.sql", "CREATE INDEX t_by_a ON t (a)", True),
        ("0002_works_with_0001_x.sql", "-- concurrently --\nCREATE INDEX t_by_a ON t (a)", False),
        ("0002_works_with_0001_x.sql", "-- concurrently --\nCREATE UNIQUE INDEX t_by_a ON t (a)", True),
        ("0002_x.sql", "-- concurrently --\nCREATE UNIQUE INDEX t_by_a ON t (a)", False),
        ("0002_x.sql", "ALTER TABLE t DROP COLUMN a", False),
        ("0002_x.sql", "CREATE INDEX t_by_a ON t (a)", True),
    ],
)
def test_what_hurts_a_running_server_is_a_fault(package: Package, name: str, text: str, has_fault: bool) -> None:
    package.write("0001_first.sql", "CREATE TABLE t (a TEXT)")
    package.write(name, text)
    assert bool(faults_of(migrations_of(package.name), 1)) is has_fault
