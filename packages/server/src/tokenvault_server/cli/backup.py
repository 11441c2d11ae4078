"""`tokenvault backup`: backs up a vault while it serves."""

from __future__ import annotations

from pathlib import Path

import click

from tokenvault_server import __version__
from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.errors import SettingsError


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "recovery_key", help="The public recovery key. Default: the setting `recovery_key`.")
@on_vault
@json_option
async def command(vault: Vault, *, file: Path, recovery_key: str | None, as_json: bool) -> None:
    """Back up the vault into FILE, which must not exist, while servers go on.

    The file has a consistent copy of every database, encrypted to the recovery key. It has neither the master key nor
    the configuration: keep both elsewhere. Without the master key, a backup is worth nothing.

    On PostgreSQL, `pg_dump` must be installed, of the server's version or newer.
    """
    from tokenvault_server.bootstrap.backing_up import back_up

    recipient = recovery_key or vault.settings.recovery_key
    if not recipient:
        raise SettingsError(
            "there is no recovery key", hint="make one with `tokenvault recovery-key FILE`, and give it with --to"
        )
    made = await back_up(vault, file, recipient, __version__)
    manifest = made.manifest
    if as_json:
        print_json(
            {
                "backup_id": manifest.backup_id,
                "vault_id": manifest.vault_id,
                "made_at": manifest.made_at,
                "checkpoint": manifest.checkpoint,
                "stores": [part.name for part in manifest.stores],
                "bytes": made.size,
            }
        )
    else:
        print_line(f"backed up vault {manifest.vault_id} into {file}: {made.size:,} bytes")
