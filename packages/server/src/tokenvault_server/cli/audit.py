"""`tokenvault audit`: the trail of what was done, and whether anybody has touched it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli import NOT_IN_ORDER
from tokenvault_server.cli.common import json_option, print_json, run, vault_options, with_vault
from tokenvault_server.vault.audit_verification import AuditReport


@click.group(help="Verify the audit trail.")
def command() -> None:
    """Group the audit commands."""


@command.command()
@vault_options
@json_option
def verify(*, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Walk every hash chain, every signed checkpoint and the anchor.

    Exits 0 when everything is in order and 1 when anything was altered, moved, inserted or left out.
    """

    async def act(vault: Vault) -> AuditReport:
        return await vault.verify_audit()

    report = run(with_vault(config, data, act))
    if as_json:
        print_json({"intact": report.intact, **msgspec.to_builtins(report)})
    else:
        _tell(report)
    sys.exit(0 if report.intact else NOT_IN_ORDER)


def _tell(report: AuditReport) -> None:
    for finding in report.findings:
        click.echo(f"BROKEN  {finding}", err=True)
    verdict = "intact" if report.intact else f"broken in {len(report.findings)} places"
    click.echo(
        f"{verdict}: {report.entries} entries in {report.chains} chains, {report.checkpoints} signed checkpoints, "
        f"{report.unsigned_entries} entries younger than the last checkpoint"
    )
