"""`tokenvault migrate`: brings both databases to the schema of this version, or tells what they lack."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from tokenvault_server.bootstrap import SCHEMAS, open_engines, open_local_store
from tokenvault_server.cli import NOT_IN_ORDER
from tokenvault_server.cli.common import json_option, load_settings, print_json, run, vault_options
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import migrate, pending
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.settings import Settings

Names = dict[str, list[str]]


@click.command()
@vault_options
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when something is missing.")
@json_option
def command(*, config: Path | None, data: Path | None, check: bool, as_json: bool) -> None:
    """Bring the databases to the schema of this version of Tokenvault. Several may try at once.

    It also creates the databases of further built-in token services, the tables [tsp.NAME] of the configuration.

    Exits 0 when they are there now; with --check, 1 when they are not. Exits 4 when a database cannot be used: it is
    away, of a newer version, or a migration was changed after it was applied.
    """
    names = run(_migrate(load_settings(config, data), check=check))
    if as_json:
        print_json({"missing" if check else "applied": names})
    else:
        _tell(names, "missing" if check else "applied")
    sys.exit(NOT_IN_ORDER if check and any(names.values()) else 0)


async def _migrate(settings: Settings, *, check: bool) -> Names:
    """Apply what is missing, or only look; return the names of the migrations by store."""
    engines = await open_engines(settings, new=False)
    try:
        names = {
            store: await _bring(engine, package, check=check)
            for (store, package), engine in zip(SCHEMAS.items(), engines, strict=True)
        }
    finally:
        for engine in engines:
            await engine.close()
    for name in settings.tsp.local:
        # A further token service's database is created here, never at a start: a wrong path would give an empty one.
        async with AsyncExitStack() as closing:
            engine = await open_local_store(settings, name, new=not check)
            closing.push_async_callback(engine.close)
            names[f"tsp.{name}"] = await _bring(engine, SCHEMAS["tsp_store"], check=check)
    return names


async def _bring(engine: Engine, package: str, *, check: bool) -> list[str]:
    return await (pending(engine, package) if check else migrate(engine, package, SystemClock().now()))


def _tell(names: Names, verb: str) -> None:
    for store, migrations in names.items():
        for name in migrations:
            click.echo(f"{verb}: {store} {name}")
    if not any(names.values()):
        click.echo("nothing is missing")
