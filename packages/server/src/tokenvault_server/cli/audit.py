"""`tokenvault audit`: verifies the audit trail and shows or renews its anchor."""

from __future__ import annotations

import click
import msgspec

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.vault.audit_verification import AuditReport


@click.group(help="Verify the audit trail; show or renew its anchor.")
def command() -> None:
    """Group the audit commands."""


@command.command()
@click.option(
    "--copy",
    "is_copy",
    is_flag=True,
    help="The database is a backup, or its vault stands still: entries that were unsigned at its end are no finding.",
)
@on_vault
@json_option
async def verify(vault: Vault, *, is_copy: bool, as_json: bool) -> int:
    """Verify every hash chain, every signed checkpoint and the anchor.

    Exits with 0 when the trail is intact, and with 1 when an entry was altered, moved, inserted or left out.
    """
    report = await vault.verify_audit(is_copy=is_copy)
    if as_json:
        print_json({"intact": report.intact, **msgspec.to_builtins(report)})
    else:
        _print_report(report)
    return 0 if report.intact else CHECK_FAILED


@command.command()
@click.option("--new", "is_new", is_flag=True, help="Make a new anchor, after the whole trail was verified.")
@click.option("--reason", default="", help="Why a new anchor is needed, for the audit trail. Required with --new.")
@click.option("--force", is_flag=True, help="Make it although the trail is broken.")
@on_vault
@json_option
async def anchor(vault: Vault, *, is_new: bool, reason: str, force: bool, as_json: bool) -> int:
    """Show whether the anchor matches the database, or make a new one.

    The vault never makes an anchor again by itself: one that is missing, or that contradicts the database, is the proof
    that somebody removed it or set the database back. After you restored a backup on purpose, or on a further server,
    make a new one with --new. That is recorded in the audit trail.

    Exits with 1 when the anchor does not match, or when the trail is broken and no new anchor was made.
    """
    if is_new and not reason:
        raise click.UsageError("--new needs a --reason")
    if is_new:
        report = await vault.verify_audit(with_anchor=False)
        if not report.intact and not force:
            _print_report(report)
            print_line("no new anchor was made: find out what happened, then repeat with --force", to_stderr=True)
            return CHECK_FAILED
        await vault.audit.renew_anchor(reason, len(report.findings), "cli")
    state = await vault.audit.anchor.compare()
    if as_json:
        print_json({"anchor": state})
    else:
        print_line(f"anchor: {state}")
    return CHECK_FAILED if state.is_wrong else 0


def _print_report(report: AuditReport) -> None:
    for finding in report.findings:
        print_line(f"BROKEN  {finding}", to_stderr=True)
    verdict = "intact" if report.intact else f"broken in {len(report.findings)} places"
    print_line(
        f"{verdict}: {report.entries} entries in {report.chains} chains, {report.checkpoints} signed checkpoints, "
        f"{report.rows} rows, "
        f"{report.unsigned_entries} entries newer than the last checkpoint"
    )
