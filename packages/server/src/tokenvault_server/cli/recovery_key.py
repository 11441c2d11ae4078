"""`tokenvault recovery-key`: makes the key pair that opens backups."""

from __future__ import annotations

from pathlib import Path

import click

from tokenvault_server import files
from tokenvault_server.backups.age import new_identity
from tokenvault_server.cli.common import json_option
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import SettingsError
from tokenvault_server.telemetry.timestamps import timestamp


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def command(*, file: Path, as_json: bool) -> None:
    """Make a recovery key: write its private half to FILE, readable only by you, and print its public half.

    Backups are encrypted to the public half, which is no secret: set it as `recovery_key`. The private half opens every
    backup, so keep it away from the vault's machine and from the master key. A restore needs both.

    The keys are those of age: `age-keygen` makes them too, and `age` decrypts a backup.
    """
    private, public = new_identity()
    content = f"# created: {timestamp(SystemClock().now())}\n# public key: {public}\n{private.reveal()}\n"
    try:
        files.create(file, content.encode())
    except FileExistsError:
        raise SettingsError(f"there is a file already: {file}", hint="a recovery key is never overwritten") from None
    if as_json:
        print_json({"recovery_key": public})
    else:
        print_line(public)
