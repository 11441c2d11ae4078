"""`tokenvault audit`: verifies the audit trail."""

from __future__ import annotations

import click
import msgspec

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.vault.audit_verification import AuditReport


@click.group(help="Verify the audit trail.")
def command() -> None:
    """Group the audit commands."""


@command.command()
@on_vault
@json_option
async def verify(vault: Vault, *, as_json: bool) -> int:
    """Verify every hash chain, every signed checkpoint and the anchor.

    Exits with 0 when the trail is intact, and with 1 when an entry was altered, moved, inserted or left out.
    """
    report = await vault.verify_audit()
    if as_json:
        print_json({"intact": report.intact, **msgspec.to_builtins(report)})
    else:
        _print_report(report)
    return 0 if report.intact else CHECK_FAILED


def _print_report(report: AuditReport) -> None:
    for finding in report.findings:
        print_line(f"BROKEN  {finding}", to_stderr=True)
    verdict = "intact" if report.intact else f"broken in {len(report.findings)} places"
    print_line(
        f"{verdict}: {report.entries} entries in {report.chains} chains, {report.checkpoints} signed checkpoints, "
        f"{report.rows} rows, "
        f"{report.unsigned_entries} entries newer than the last checkpoint"
    )
