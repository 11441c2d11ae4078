"""`tokenvault copy`: copies a vault from one database to another, also to another engine."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import click

from tokenvault_server.cli.common import json_option, run
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.database.opening import URL_FORMS, is_same_store, without_password
from tokenvault_server.errors import SettingsError

if TYPE_CHECKING:
    from tokenvault_server.database.engine import Engine

_KINDS: Final = {"vault": "tokenvault_server.store", "token service": "tokenvault_server.tsp.local"}


@click.command()
@click.option("--from", "source", required=True, help=f"The database to copy: {URL_FORMS}.")
@click.option("--to", "target", required=True, help="The new, empty database to fill.")
@json_option
def command(*, source: str, target: str, as_json: bool) -> None:
    """Copy a database to a new one and compare every row. A vault has two databases: `store` and `tsp_store`.

    Stop all servers first. If they write during the copy, the comparison fails and the copy is not used. Keys are
    copied in their wrapped form, so the new database needs the same key provider. Give a PostgreSQL password by
    PGPASSWORD or a password file rather than on the command line.
    """
    kind, rows = run(_copy(source, target, quiet=as_json))
    if as_json:
        print_json({"copied": kind, "rows": rows})
    else:
        print_line(f"copied and compared: the {kind}'s store, {sum(rows.values()):,} rows in {len(rows)} tables")


async def _copy(source_url: str, target_url: str, *, quiet: bool) -> tuple[str, dict[str, int]]:
    from tokenvault_server.database import copying
    from tokenvault_server.domain.clock import SystemClock

    if is_same_store(source_url, target_url):
        raise SettingsError("source and target are the same database")
    async with AsyncExitStack() as opened:
        source = await _opened(opened, source_url, new=False)
        kind = await copying.kind_of(source, _KINDS)
        tables = copying.tables_of(_KINDS[kind])
        target = await _opened(opened, target_url, new=True)
        total = sum([await copying.count(source, table) for table in tables])
        with click.progressbar(length=total, label=f"copying the {kind}'s store", file=sys.stderr, hidden=quiet) as bar:
            rows = await copying.copy(
                source, target, _KINDS[kind], SystemClock().now(), lambda _table, count: bar.update(count)
            )
    return kind, rows


async def _opened(opened: AsyncExitStack, url: str, *, new: bool) -> Engine:
    from tokenvault_server.bootstrap import open_engine
    from tokenvault_server.domain.secret import Secret
    from tokenvault_server.settings import Settings

    bare, password = without_password(url)
    engine = await open_engine(bare, new=new, password=Secret(password) if password else None, settings=Settings())
    opened.push_async_callback(engine.close)
    return engine
