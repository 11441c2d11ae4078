"""`tokenvault init`: everything a new vault needs, in one step."""

from __future__ import annotations

from pathlib import Path

import click

from tokenvault_server import files
from tokenvault_server import settings as settings_module
from tokenvault_server.cli.common import opened, run
from tokenvault_server.errors import SettingsError
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.settings import CONFIG_FILE

_CONFIG = """\
# A Tokenvault vault. Paths are relative to this file; `tokenvault doctor` shows every setting.
store = "sqlite:///vault.db"
tsp_store = "sqlite:///tsp.db"
key_provider = "file:master.key"
audit_anchor = "audit-anchor.json"
host = "127.0.0.1"
port = 8480
admin_host = "127.0.0.1"
admin_port = 8481
"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def command(*, directory: Path) -> None:
    """Make a new vault in DIRECTORY: configuration, master key and databases, readable by you alone."""
    config = directory / CONFIG_FILE
    if config.exists():
        raise SettingsError(f"there is a vault already: {config}", hint="`tokenvault doctor --config FILE` checks it")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_key_file(directory / "master.key")
    files.create(config, _CONFIG.encode())
    vault_id = run(_found(config))
    click.echo(f"made vault {vault_id} in {directory}")
    click.echo("")
    click.echo(f"  tokenvault merchant add NAME --config {config}    # credentials for a merchant")
    click.echo(f"  tokenvault serve --config {config}                # answer its calls")
    click.echo("")
    click.echo(f"Back up {directory / 'master.key'}, apart from the databases: without it nothing can be opened.")
    click.echo("Put the audit anchor (audit_anchor) on another disk before production.")


async def _found(config: Path) -> str:
    async with opened(settings_module.load({}, config), found=True) as vault:
        await vault.audit.begin()
        return vault.vault_id
