"""Brings a database to the schema of this software: numbered `.sql` files, each applied once and in order.

The name of a file says which software can use a database after it was applied. After `0014_works_with_0012_x.sql` that
is all software whose newest migration is 0012 or later; after `0014_x.sql`, software that has 0014. So servers of the
version before keep running and may be started while an upgrade is under way, or after one that was undone
(docs/adr/0036). The name is stored with the migration, where older software finds it.

A file with the line `-- concurrently --` creates indexes on tables in use, and nothing else. PostgreSQL builds them
outside of a transaction, while servers write.

A database that is ahead in another way, or whose applied migrations were edited afterwards, is an error.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import NamedTuple

from tokenvault_server.database.engine import Engine, Rows, Work, single_statement
from tokenvault_server.database.queries import IndexBuild, Query, Statement, parse
from tokenvault_server.errors import SchemaMissingError, StoreError

_NAME = re.compile(r"(\d{4})_(?:works_with_(\d{4})_)?\w+\.sql")
_CONCURRENTLY = re.compile(r"^-- concurrently --$", re.MULTILINE)

_SQL = parse("""
-- create_ledger --
CREATE TABLE IF NOT EXISTS schema_migrations (
    number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL
);
-- applied --
SELECT number, name, checksum FROM schema_migrations ORDER BY number;
-- record --
INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (:number, :name, :checksum, :applied_at);
""")


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    checksum: str
    statements: tuple[Statement, ...]
    is_concurrent: bool
    """Whether it is applied apart from all others, its indexes built while servers write."""


def migrations_of(package: str) -> list[Migration]:
    """Return the migrations that lie in `<package>/migrations`, in order."""
    folder = files(package).joinpath("migrations")
    migrations = [
        _migration(file.name, file.read_text("utf-8")) for file in folder.iterdir() if _NAME.fullmatch(file.name)
    ]
    return sorted(migrations, key=lambda migration: migration.number)


async def migrate(engine: Engine, package: str, now: int) -> list[str]:
    """Apply the missing migrations and return the names of those that this call applied.

    Those between two concurrent ones form one transaction. When none is missing nothing is written, so a server's
    database user needs no right to change the schema.
    """
    if not await pending(engine, package):
        return []
    await engine.commit_exclusive(single_statement(_SQL["create_ledger"]()))
    known, names = migrations_of(package), list[str]()
    while group := await engine.commit_exclusive(lambda: _apply_next(known, now)):
        names += group
        if group[-1] == known[-1].name:
            break
    return names


async def pending(engine: Engine, package: str) -> list[str]:
    """Return the names of the migrations that the database still lacks, without changing it."""
    known = migrations_of(package)
    return [migration.name for migration in _missing(known, await _applied(engine))]


async def ahead(engine: Engine, package: str) -> list[str]:
    """Return the names of migrations that newer software applied, and that work with this software."""
    known, applied = migrations_of(package), await _applied(engine)
    _missing(known, applied)  # raises when one of them does not
    numbers = {migration.number for migration in known}
    return [name for number, name, _ in applied if number not in numbers]


def oldest_that_works(name: str) -> int:
    """Return the number of the newest migration that the oldest software has which works after this migration."""
    found = _NAME.fullmatch(name)
    return int(found[2] or found[1]) if found else _NEVER


_NEVER = 10_000
"""More than any number that four digits can have."""


async def _applied(engine: Engine) -> Rows:
    try:
        return await engine.read(_SQL["applied"]())
    except SchemaMissingError:
        return []  # no ledger yet: a new database


def _apply_next(known: list[Migration], now: int) -> Work[list[str]]:
    """Apply the missing migrations before the next concurrent one, or that one alone; return their names.

    A concurrent one needs a transaction that has changed nothing: PostgreSQL builds an index only when every
    transaction has ended that might have changed the table.
    """
    missing = _missing(known, (yield _SQL["applied"]()))
    group = list(takewhile(lambda migration: not migration.is_concurrent, missing)) or missing[:1]
    for migration in group:
        for statement in migration.statements:  # noqa: UP028  # a tuple's iterator cannot be sent rows
            yield statement
        yield _SQL["record"](number=migration.number, name=migration.name, checksum=migration.checksum, applied_at=now)
    return [migration.name for migration in group]


def _missing(known: list[Migration], applied: Rows) -> list[Migration]:
    by_number = {migration.number: migration for migration in known}
    newest = max(by_number, default=0)
    for number, name, checksum in applied:
        if number in by_number:
            if by_number[number].checksum != checksum:
                raise StoreError(f"migration {number:04d} was changed after it was applied")
        elif number < newest or oldest_that_works(name) > newest:
            raise StoreError(
                "the database is of a newer version of Tokenvault", hint="use the version that last opened it, or newer"
            )
    numbers = {number for number, _, _ in applied}
    return [migration for migration in known if migration.number not in numbers]


@cache
def _migration(name: str, text: str) -> Migration:
    is_concurrent = bool(_CONCURRENTLY.search(text))
    bare = re.sub(r"--.*$", "", text, flags=re.MULTILINE)
    kind = IndexBuild if is_concurrent else Query
    statements = [kind(name, part.strip()) for part in bare.split(";") if part.strip()]
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Migration(int(name[:4]), name, checksum, tuple(statement() for statement in statements), is_concurrent)
