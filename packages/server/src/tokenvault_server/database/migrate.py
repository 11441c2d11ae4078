"""Brings a database to the schema of this software: numbered `.sql` files, each applied once and in order.

A database that is ahead of the software, or whose applied migrations were edited afterwards, is an error.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from tokenvault_server.database.engine import Engine, Work, single_statement
from tokenvault_server.database.queries import Query, Statement, parse
from tokenvault_server.errors import SchemaMissingError, StoreError

_NAME = re.compile(r"(\d{4})_\w+\.sql")

_SQL = parse("""
-- create_ledger --
CREATE TABLE IF NOT EXISTS schema_migrations (
    number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL
);
-- applied --
SELECT number, checksum FROM schema_migrations ORDER BY number;
-- record --
INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (:number, :name, :checksum, :applied_at);
""")


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    checksum: str
    statements: tuple[Statement, ...]


def migrations_of(package: str) -> list[Migration]:
    """Return the migrations that lie in `<package>/migrations`, in order."""
    folder = files(package).joinpath("migrations")
    migrations = [
        _migration(file.name, file.read_text("utf-8")) for file in folder.iterdir() if _NAME.fullmatch(file.name)
    ]
    return sorted(migrations, key=lambda migration: migration.number)


async def migrate(engine: Engine, package: str, now: int) -> list[str]:
    """Apply the missing migrations in one transaction and return their names.

    When none is missing nothing is written, so a server's database user needs no right to change the schema.
    """
    if not await pending(engine, package):
        return []
    await engine.commit_exclusive(single_statement(_SQL["create_ledger"]()))
    return await engine.commit_exclusive(lambda: _apply_missing(migrations_of(package), now))


async def pending(engine: Engine, package: str) -> list[str]:
    """Return the names of the migrations that the database still lacks, without changing it."""
    known = migrations_of(package)
    try:
        applied: dict[int, str] = dict(await engine.read(_SQL["applied"]()))
    except SchemaMissingError:
        return [migration.name for migration in known]  # no ledger yet: a new database
    return [migration.name for migration in _missing(known, applied)]


def _apply_missing(known: list[Migration], now: int) -> Work[list[str]]:
    applied: dict[int, str] = dict((yield _SQL["applied"]()))
    missing = _missing(known, applied)
    for migration in missing:
        for statement in migration.statements:  # noqa: UP028  # a tuple's iterator cannot be sent rows
            yield statement
        yield _SQL["record"](number=migration.number, name=migration.name, checksum=migration.checksum, applied_at=now)
    return [migration.name for migration in missing]


def _missing(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    by_number = {migration.number: migration for migration in known}
    for number, checksum in applied.items():
        if number not in by_number:
            raise StoreError(
                "the database is of a newer version of Tokenvault", hint="use the version that last opened it, or newer"
            )
        if by_number[number].checksum != checksum:
            raise StoreError(f"migration {number:04d} was changed after it was applied")
    return [migration for migration in known if migration.number not in applied]


@cache
def _migration(name: str, text: str) -> Migration:
    bare = re.sub(r"--.*$", "", text, flags=re.MULTILINE)
    statements = [part.strip() for part in bare.split(";") if part.strip()]
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Migration(int(name[:4]), name, checksum, tuple(Query(name, statement)() for statement in statements))
