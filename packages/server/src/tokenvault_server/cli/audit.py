"""`tokenvault audit`: the trail of what was done, and whether anybody has touched it."""

from __future__ import annotations

import click
import msgspec

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli import NOT_IN_ORDER
from tokenvault_server.cli.common import json_option, on_vault, print_json
from tokenvault_server.vault.audit_verification import AuditReport


@click.group(help="Verify the audit trail.")
def command() -> None:
    """Group the audit commands."""


@command.command()
@on_vault
@json_option
async def verify(vault: Vault, *, as_json: bool) -> int:
    """Walk every hash chain, every signed checkpoint and the anchor.

    Exits 0 when everything is in order and 1 when anything was altered, moved, inserted or left out.
    """
    report = await vault.verify_audit()
    if as_json:
        print_json({"intact": report.intact, **msgspec.to_builtins(report)})
    else:
        _tell(report)
    return 0 if report.intact else NOT_IN_ORDER


def _tell(report: AuditReport) -> None:
    for finding in report.findings:
        click.echo(f"BROKEN  {finding}", err=True)
    verdict = "intact" if report.intact else f"broken in {len(report.findings)} places"
    click.echo(
        f"{verdict}: {report.entries} entries in {report.chains} chains, {report.checkpoints} signed checkpoints, "
        f"{report.unsigned_entries} entries younger than the last checkpoint"
    )
