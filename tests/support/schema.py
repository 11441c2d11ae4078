"""Describe the tables of a database in the same format on every engine.

`python -m tests.support.schema` writes `tests/golden/schema` anew, from what the migrations make of an empty SQLite.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.builders import sql
from tests.support.clock import NOW
from tokenvault_server.bootstrap import open_engine
from tokenvault_server.database.engine import Engine, Rows
from tokenvault_server.database.migrate import migrate
from tokenvault_server.database.sqlite.engine import SqliteEngine
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local import setup as tsp
from tokenvault_server.vault import initialisation

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "schema"
PACKAGES: Final = {"vault": initialisation.SCHEMA, "token-service": tsp.PACKAGE}

_POSTGRES_COLUMNS = """
    SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = :name::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_POSTGRES_INDEXES = """
    SELECT relname::text, indisprimary, indisunique, indpred IS NOT NULL,
        (SELECT string_agg(COALESCE(attname, 'expression'), ', ' ORDER BY ordinal)
         FROM unnest(indkey) WITH ORDINALITY AS keys (number, ordinal)
         LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = number)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = :name::text::regclass
"""
_POSTGRES_RULES = """
    SELECT contype::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = :name::text::regclass AND contype IN ('c', 'f')
"""


class Table(NamedTuple):
    """The description of one table."""

    name: str
    columns: list[str]
    rules: list[str]

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"    {line}" for line in [*self.columns, *sorted(self.rules)])])


async def schema_of(engine: Engine) -> str:
    """Return every table with its columns, keys, references, indexes and its number of checks."""
    tables = await (_sqlite(engine) if isinstance(engine, SqliteEngine) else _postgres(engine))
    return "\n\n".join(map(str, sorted(tables))) + "\n"


async def _sqlite(engine: Engine) -> list[Table]:
    tables = await sql(engine, "SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    return [await _sqlite_table(engine, name, text) for name, text in tables]


async def _sqlite_table(engine: Engine, name: str, text: str) -> Table:
    column_rows = await sql(
        engine, 'SELECT name, type, "notnull" OR pk > 0, dflt_value FROM pragma_table_info(:name)', name=name
    )
    indexes = await sql(engine, 'SELECT name, origin, "unique", partial FROM pragma_index_list(:name)', name=name)
    rules = [f"check {number}" for number in range(1, 1 + len(re.findall(r"\bCHECK\b", text)))]
    for index, origin, is_unique, is_partial in indexes:
        columns = await sql(engine, "SELECT name FROM pragma_index_info(:name)", name=index)
        index_name = index if origin == "c" else ""
        rules.append(_index(index_name, _joined(columns), origin == "pk", bool(is_unique), bool(is_partial)))
    keys = await sql(engine, "SELECT name FROM pragma_table_info(:name) WHERE pk > 0 ORDER BY pk", name=name)
    primary = _index("", _joined(keys), True, True, False)
    references = await sql(engine, 'SELECT "from", "table", "to" FROM pragma_foreign_key_list(:name)', name=name)
    rules += [f"{column} references {table} ({other})" for column, table, other in references]
    return Table(name, list(map(_column, column_rows)), [*(rule for rule in rules if rule != primary), primary])


async def _postgres(engine: Engine) -> list[Table]:
    tables = await sql(engine, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    return [await _postgres_table(engine, name) for (name,) in tables]


async def _postgres_table(engine: Engine, name: str) -> Table:
    columns = await sql(engine, _POSTGRES_COLUMNS, name=name)
    rules = []
    for index, is_primary, is_unique, is_partial, of in await sql(engine, _POSTGRES_INDEXES, name=name):
        index_name = (
            "" if is_primary or re.search(r"_key\d*$", index) else index
        )  # as PostgreSQL names a constraint's own
        rules.append(_index(index_name, of, is_primary, is_unique, is_partial))
    constraints = await sql(engine, _POSTGRES_RULES, name=name)
    rules += [f"check {number}" for number in range(1, 1 + sum(kind == "c" for kind, _ in constraints))]
    for text in (text for kind, text in constraints if kind == "f"):
        rules.append(re.sub(r"FOREIGN KEY \((\w+)\) REFERENCES (\w+)\((\w+)\)", r"\1 references \2 (\3)", text))
    return Table(name, list(map(_column, columns)), rules)


def _column(row: Iterable[object]) -> str:
    name, kind, is_required, default = row
    words = [str(name), str(kind).upper(), "not null" if is_required else ""]
    words.append(f"default {str(default).removesuffix('::text')}" if default is not None else "")
    return " ".join(filter(None, words))


def _index(name: str, columns: str, is_primary: bool, is_unique: bool, is_partial: bool) -> str:
    kind = "primary key" if is_primary else "unique" if is_unique else "index"
    return " ".join(filter(None, [kind, name, f"({columns})", "in part" if is_partial else ""]))


def _joined(rows: Rows) -> str:
    return ", ".join(row[0] or "expression" for row in rows)


async def _write() -> None:
    for name, package in PACKAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            engine = await open_engine(f"sqlite:///{folder}/test.db", new=True, password=None, settings=Settings())
            await migrate(engine, package, NOW)
            (GOLDEN / f"{name}.txt").write_text(await schema_of(engine))
            await engine.close()


if __name__ == "__main__":
    asyncio.run(_write())
