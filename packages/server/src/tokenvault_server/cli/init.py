"""`tokenvault init`: creates a new vault in one step."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tokenvault_server import files
from tokenvault_server import settings as settings_module
from tokenvault_server.cli.common import opened, run
from tokenvault_server.cli.output import print_line
from tokenvault_server.database.opening import URL_FORMS, file_store, without_password
from tokenvault_server.errors import SettingsError
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.settings import CONFIG_FILE, PREFIX, Settings

_PASSWORDS = (PREFIX + "STORE_PASSWORD", PREFIX + "TSP_STORE_PASSWORD")
_CONFIG = """\
# A Tokenvault vault. Paths are relative to this file; `tokenvault doctor` shows every setting.
store = "{store}"
tsp_store = "{tsp_store}"
key_provider = "file:master.key"
audit_anchor = "{anchor}"
host = "127.0.0.1"
port = 8480
admin_host = "127.0.0.1"
admin_port = 8481
"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--store", default=file_store("vault.db"), show_default=True, help="The URL of the vault's database.")
@click.option(
    "--tsp-store",
    default=file_store("tsp.db"),
    show_default=True,
    help="The URL of the built-in token service's database.",
)
@click.option(
    "--audit-anchor",
    default="audit-anchor.json",
    show_default=True,
    help="The file of the newest checkpoint, best on another disk; a relative path starts in DIRECTORY.",
)
def command(*, directory: Path, store: str, tsp_store: str, audit_anchor: str) -> None:
    """Create a new vault in DIRECTORY: configuration, master key and databases, readable only by you.

    PostgreSQL databases must exist and be empty. Give their passwords by `TOKENVAULT_STORE_PASSWORD_FILE` and
    `TOKENVAULT_TSP_STORE_PASSWORD_FILE`, or in one of the ways that libpq supports. A URL with a password is refused.
    """
    config = directory / CONFIG_FILE
    _check_no_passwords(store, tsp_store)
    if config.exists():
        raise SettingsError(f"a vault exists already: {config}", hint="`tokenvault doctor --config FILE` checks it")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / "master.key").exists():
        create_key_file(directory / "master.key")
    (directory / audit_anchor).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.create(config, _CONFIG.format(store=store, tsp_store=tsp_store, anchor=audit_anchor).encode())
    try:
        vault_id = run(_initialise(config))
    except BaseException:
        config.unlink()  # so that init can be repeated; the key stays, because a database may hold its vault by now
        raise
    print_line(f"created vault {vault_id} in {directory}")
    print_line()
    print_line(f"  tokenvault merchant add NAME --config {config}    # credentials for a merchant")
    print_line(f"  tokenvault serve --config {config}                # answer its calls")
    print_line()
    print_line(f"Back up {directory / 'master.key'} separately from the databases: without it no record can be opened.")
    print_line(f"Before production, put the audit anchor {directory / audit_anchor} on another disk.")


def _check_no_passwords(*stores: str) -> None:
    """Raise SettingsError for a URL with a password: the configuration file is shown, copied and backed up."""
    try:
        passwords = [password for _, password in map(without_password, stores) if password]
    except ValueError:
        raise SettingsError("a database is not given as a URL", hint=URL_FORMS) from None
    if passwords:
        raise SettingsError("a database URL must not hold a password", hint="see `tokenvault init --help`")


def _settings(config: Path) -> Settings:
    """Return the new vault's settings. Only passwords come from the environment; the file decides the rest."""
    secret = {name: value for name, value in os.environ.items() if name.startswith(_PASSWORDS)}
    return settings_module.load(secret, config)


async def _initialise(config: Path) -> str:
    async with opened(_settings(config), initialise=True) as vault:
        await vault.audit.begin()
        return vault.vault_id
