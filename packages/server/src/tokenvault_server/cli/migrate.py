"""`tokenvault migrate`: updates both databases to the schema of this version, or lists what is missing."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from tokenvault_server.bootstrap import SCHEMAS, first_tags, open_engines, open_local_store
from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option, load_settings, run, vault_options
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.migrate import migrate, pending
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.settings import Settings

MigrationNames = dict[str, list[str]]
"""The names of migrations, by database."""


@click.command()
@vault_options
@click.option("--check", is_flag=True, help="Change nothing, and exit with 1 when a migration is missing.")
@json_option
def command(*, config: Path | None, data: Path | None, check: bool, as_json: bool) -> None:
    """Update the databases to the schema of this version. Several processes may run this at the same time.

    Also creates the databases of further built-in token services (the tables [tsp.NAME] of the configuration).

    Exits with 0 when the schema is up to date; with --check, exits with 1 when it is not. Exits with 4 when a database
    cannot be used: it is unreachable, of a newer version, or a migration was changed after it was applied.
    """
    names = run(_migrate(load_settings(config, data), check=check))
    if as_json:
        print_json({"missing" if check else "applied": names})
    else:
        _print_names(names, "missing" if check else "applied")
    sys.exit(CHECK_FAILED if check and any(names.values()) else 0)


async def _migrate(settings: Settings, *, check: bool) -> MigrationNames:
    """Apply the missing migrations, or only list them; return their names by database."""
    engines = await open_engines(settings, new=False)
    try:
        names = {
            store: await _apply_or_list(engine, package, check=check)
            for (store, package), engine in zip(SCHEMAS.items(), engines, strict=True)
        }
        names["store"] += await _tag_rows(settings, engines[0], check=check)
    finally:
        for engine in engines:
            await engine.close()
    for name in settings.tsp.local:
        # Created here and never when a server starts: with a wrong path, a server would start with an empty database.
        async with AsyncExitStack() as closing:
            engine = await open_local_store(settings, name, new=not check)
            closing.push_async_callback(engine.close)
            names[f"tsp.{name}"] = await _apply_or_list(engine, SCHEMAS["tsp_store"], check=check)
    return names


async def _tag_rows(settings: Settings, engine: Engine, *, check: bool) -> list[str]:
    """Give the rows of an older vault their first tags, or only say that they have none."""
    if await pending(engine, SCHEMAS["store"]) or await KeyTable(engine).vault_id() is None:
        return []  # checked after the schema is updated
    tags = await first_tags(settings, engine, SystemClock())
    if not await tags.are_missing():
        return []
    if not check:
        await tags.add()
    return ["row tags"]


async def _apply_or_list(engine: Engine, package: str, *, check: bool) -> list[str]:
    return await (pending(engine, package) if check else migrate(engine, package, SystemClock().now()))


def _print_names(names: MigrationNames, verb: str) -> None:
    for store, migrations in names.items():
        for name in migrations:
            print_line(f"{verb}: {store} {name}")
    if not any(names.values()):
        print_line("nothing is missing")
