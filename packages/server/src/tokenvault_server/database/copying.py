"""Moves all rows of a database to another, whatever the engines, and proves that they arrived.

Tables and columns are read from the migrations, because nothing else makes tables. The row that names the vault is
written last: a copy that was interrupted is not a vault, so nobody can serve it by mistake.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from tokenvault_server.database.engine import Engine, Row, Work
from tokenvault_server.database.migrate import ahead, migrate, migrations_of, pending
from tokenvault_server.database.queries import Query, Statement
from tokenvault_server.errors import SchemaMissingError, StoreError

Progress = Callable[[str, int], None]
"""Receives a table's name and how many more of its rows were copied."""

_FIRST_MIGRATION: Final = Query("first_migration", "SELECT name FROM schema_migrations WHERE number = 1")
_NAMING: Final = "vault"
_PAGE: Final = 1_000
_PARAMETERS: Final = 2_000
_CREATED = re.compile(r"CREATE TABLE (\w+) \((.*)\)\s*$", re.DOTALL)
_ALTERED = re.compile(r"ALTER TABLE (\w+) (ADD|DROP) COLUMN (\w+)")
_COLUMN = re.compile(r"^\s*([a-z]\w*) [A-Z].*$", re.MULTILINE)
_KEY = re.compile(r"^\s*PRIMARY KEY \(([^)]*)\)|^\s*(\w+) [A-Z]+ PRIMARY KEY", re.MULTILINE)


class Table(NamedTuple):
    """A table, as the migrations leave it."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class Contents(NamedTuple):
    """What is in a table: the number of rows, and a sum of their SHA-256 that does not depend on their order."""

    rows: int
    digest: int


def tables_of(package: str) -> list[Table]:
    """Return the tables that a package's migrations make, in an order in which they can be filled."""
    tables: dict[str, Table] = {}
    for migration in migrations_of(package):
        for statement in migration.statements:
            text = statement.query.text
            if created := _CREATED.match(text):
                name, inside = created.groups()
                tables[name] = Table(name, tuple(_COLUMN.findall(inside)), _key(inside))
            elif altered := _ALTERED.match(text):
                name, change, column = altered.groups()
                kept = tuple(each for each in tables[name].columns if each != column)
                tables[name] = tables[name]._replace(columns=(*kept, column) if change == "ADD" else kept)
    naming = tables.pop(_NAMING)
    return [*tables.values(), naming]


async def kind_of(engine: Engine, packages: Mapping[str, str]) -> str:
    """Return which of `packages`, by name, has the migrations that made a database."""
    try:
        rows = await engine.read(_FIRST_MIGRATION())
    except SchemaMissingError:
        rows = []
    for kind, package in packages.items():
        if rows == [(migrations_of(package)[0].name,)]:
            return kind
    raise StoreError("the source is no store of a vault")


async def copy(source: Engine, target: Engine, package: str, now: int, progress: Progress) -> dict[str, int]:
    """Copy every table and compare; return the number of rows by table.

    Raises:
        StoreError: the source has an older or a newer schema, the target is not empty, or source and target differ
            afterwards, because a server still wrote to the source.
    """
    if await pending(source, package):
        raise StoreError("the source has an older schema", hint="run `tokenvault migrate` on it first")
    if await ahead(source, package):
        raise StoreError("the source has a newer schema", hint="copy with the version that migrated it, or newer")
    await migrate(target, package, now)
    tables = tables_of(package)
    for table in tables:
        if await count(target, table):
            raise StoreError("the target is not empty", hint="copy into a new database; drop what a broken copy left")
    for table in tables:
        async for page in _pages(source, table):
            await _write(target, table, page)
            progress(table.name, len(page))
    return {table.name: await _compared(source, target, table) for table in tables}


async def count(engine: Engine, table: Table) -> int:
    """Return the number of a table's rows."""
    rows = await engine.read(Query("count", f"SELECT COUNT(*) FROM {table.name}")())  # noqa: S608  # a migration's name
    number: int = rows[0][0]
    return number


async def contents(engine: Engine, table: Table) -> Contents:
    """Return what is in a table; equal rows give an equal result in every engine."""
    rows = digest = 0
    async for page in _pages(engine, table):
        rows += len(page)
        digest += sum(int.from_bytes(sha256(repr(row).encode()).digest(), "big") for row in page)
    return Contents(rows, digest % 2**256)


async def _compared(source: Engine, target: Engine, table: Table) -> int:
    left = await contents(source, table)
    if left != await contents(target, table):
        raise StoreError(
            f"source and target differ in '{table.name}'", hint="stop every server of the source, and copy anew"
        )
    return left.rows


async def _pages(engine: Engine, table: Table) -> AsyncIterator[list[Row]]:
    """Yield a table's rows, a page at a time, in the order of its key; each database sorts texts in its own way."""
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    after = ", ".join(f":after_{column}" for column in table.key)
    select = f"SELECT {columns} FROM {table.name}"  # noqa: S608  # names from the migrations
    first = Query("first_page", f"{select} ORDER BY {key} LIMIT {_PAGE}")
    further = Query("further_page", f"{select} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT {_PAGE}")
    positions = [table.columns.index(column) for column in table.key]
    page = await engine.read(first())
    while page:
        yield page
        last = {f"after_{table.columns[position]}": page[-1][position] for position in positions}
        page = await engine.read(further(**last)) if len(page) == _PAGE else []


async def _write(engine: Engine, table: Table, page: list[Row]) -> None:
    size = max(1, _PARAMETERS // len(table.columns))
    groups = [page[start : start + size] for start in range(0, len(page), size)]

    def body() -> Work[None]:
        for group in groups:
            yield _insert(table, group)

    await engine.commit(body)


def _insert(table: Table, rows: list[Row]) -> Statement:
    values = {f"v{number}": value for number, value in enumerate(value for row in rows for value in row)}
    names = iter(values)
    rows_of_names = ", ".join(f"({', '.join(f':{next(names)}' for _ in table.columns)})" for _ in rows)
    text = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES {rows_of_names}"  # noqa: S608  # values are bound
    return Query(f"insert_{table.name}", text)(**values)


def _key(inside: str) -> tuple[str, ...]:
    match = _KEY.search(inside)
    if match is None:
        message = "a table without a primary key cannot be copied"
        raise ValueError(message)
    return tuple(column.strip() for column in (match[1] or match[2]).split(","))
