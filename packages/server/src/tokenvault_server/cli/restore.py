"""`tokenvault restore`: restores a vault from a backup, or checks a backup."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tokenvault_server import settings as settings_module
from tokenvault_server.backups.age import Identity
from tokenvault_server.cli.common import json_option, run
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings import CONFIG_FILE, PREFIX
from tokenvault_server.telemetry.timestamps import timestamp


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--identity",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of the private recovery key.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The vault's configuration file. Default: ${PREFIX}CONFIG, else {CONFIG_FILE}.",
)
@click.option("--check", is_flag=True, help="Read and check the whole backup, and write nothing.")
@click.option("--force", is_flag=True, help="Restore it although its audit trail is broken.")
@json_option
def command(*, file: Path, identity: Path, config: Path | None, check: bool, force: bool, as_json: bool) -> None:
    """Restore the vault in FILE into the empty databases that the configuration names.

    Needs the vault's configuration and its master key, which the backup does not have. The vault that was backed up
    must not serve any more, nor another one that was restored.

    Every counter begins anew at a later sequence number, under new keys, so no cryptogram of the time after the backup
    comes back. The audit trail is verified and records the restore, and there is a new anchor. After an error the
    databases are as empty as before. After a `kill -9` they are not served; repeat the command.
    """
    from tokenvault_server.bootstrap.restoring import Restoration

    settings = settings_module.load(os.environ, config or settings_module.config_file(os.environ))
    restoration = Restoration(file, _identity(identity), settings, SystemClock())
    if check:
        manifest = run(restoration.check())
        shown: dict[str, object] = {}
    else:
        restored = run(restoration.run(force=force, notify=_show))
        manifest = restored.manifest
        shown = {
            "findings": restored.report.findings,
            "entries": restored.report.entries,
            "rows": restored.report.rows,
            "psn_step": restored.psn_step,
            "exhausted_tokens": restored.exhausted,
        }
    if as_json:
        print_json(
            {
                "backup_id": manifest.backup_id,
                "vault_id": manifest.vault_id,
                "made_at": manifest.made_at,
                "checkpoint": manifest.checkpoint,
                "software": manifest.software,
                "stores": [part.name for part in manifest.stores],
                **shown,
            }
        )
        return
    print_line(
        f"{'intact' if check else 'restored'}: vault {manifest.vault_id}, as it was at {timestamp(manifest.made_at)}"
    )
    if not check:
        print_line(f"verified: {shown['entries']} audit entries, {shown['rows']} rows; stepped every counter")
    if shown.get("exhausted_tokens"):
        print_line(f"{shown['exhausted_tokens']} tokens are used up: their cards must be saved again", to_stderr=True)


def _identity(path: Path) -> Identity:
    try:
        return Identity(path.read_text())
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"the recovery key cannot be read: {path}") from None


def _show(step: str) -> None:
    """Show the present step on a terminal."""
    if sys.stderr.isatty():
        print_line(f"{step} ...", to_stderr=True)
