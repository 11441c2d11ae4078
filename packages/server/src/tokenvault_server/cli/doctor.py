"""`tokenvault doctor`: checks a vault and shows its effective configuration."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import (
    Vault,
    check_api_settings,
    inspect_all_keys,
    inspect_all_records,
    key_provider,
)
from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option, load_settings, opened, run, vault_options
from tokenvault_server.cli.output import print_json, print_line, print_table, show_progress
from tokenvault_server.cli.permissions import access_of
from tokenvault_server.database.opening import kind_of
from tokenvault_server.domain.addresses import is_loopback
from tokenvault_server.domain.inspection import Inspection
from tokenvault_server.errors import VaultError
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.guarded import GuardedTokenService


class Finding(NamedTuple):
    """The result of one check."""

    check: str
    is_fine: bool
    message: str


@click.command()
@click.option("--deep", is_flag=True, help="Also unwrap every key, and open a sample of every kind of sealed record.")
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="With --deep: how many of the newest records of every key are opened, and how many random ones.",
)
@vault_options
@json_option
def command(*, config: Path | None, data: Path | None, deep: bool, sample: int, as_json: bool) -> None:
    """Check configuration, keys, databases, permissions and audit trail, and show every setting, secrets as stars.

    With --deep it finds keys and records that are damaged, swapped or gone, by table and id. That reads every key and
    the id of every record, while the vault may serve.

    Exits with 1 when a check fails.
    """
    settings = load_settings(config, data)
    findings = run(_examine(settings, sample if deep else None))
    show_progress()
    shown = settings_module.redacted(settings)
    if as_json:
        print_json({"checks": [finding._asdict() for finding in findings], "settings": shown})
    else:
        print_table(
            ("check", "", "result"),
            [(each.check, "ok" if each.is_fine else "FAILED", each.message) for each in findings],
        )
        print_line()
        print_table(("setting", "value"), [(name, str(value)) for name, value in shown.items()])
    sys.exit(0 if all(finding.is_fine for finding in findings) else CHECK_FAILED)


async def _examine(settings: Settings, sample: int | None) -> list[Finding]:
    findings = [
        _api_settings(settings),
        await _key_provider(settings),
        *_permissions(settings),
        _exposure(settings),
        _store_connections(settings),
    ]
    if sample is not None:
        findings += await _keys(settings)
    try:
        async with opened(settings) as vault:
            findings.append(Finding("stores", is_fine=True, message=f"vault {vault.vault_id}"))
            findings.append(await _audit(vault))
            findings += [await _token_service(vault, provider) for provider in vault.providers]
            findings.append(_routes(vault))
            if sample is not None:
                findings += _inspected(await inspect_all_records(vault, sample, show_progress), "records", "open")
    except VaultError as error:
        findings.append(Finding("stores", is_fine=False, message=_reason(error)))
    return findings


def _api_settings(settings: Settings) -> Finding:
    """Check the settings that are read only when the API starts: rate limits, trusted proxies, deprecated versions."""
    try:
        check_api_settings(settings)
    except VaultError as error:
        return Finding("API settings", is_fine=False, message=_reason(error))
    return Finding("API settings", is_fine=True, message="proxies, versions and rate limits are valid")


async def _key_provider(settings: Settings) -> Finding:
    try:
        provider = key_provider(settings)
        await provider.health()
    except VaultError as error:
        return Finding("key provider", is_fine=False, message=_reason(error))
    development = settings.key_provider.startswith("passphrase:")
    message = "a passphrase is for development only" if development else f"{provider.uri}, version {provider.epoch}"
    return Finding("key provider", is_fine=not development, message=message)


def _permissions(settings: Settings) -> list[Finding]:
    return [
        Finding(
            f"permissions of {access.path.name}",
            is_fine=access.is_fine,
            message=f"{access.mode:04o}" if access.is_fine else f"{access.mode:04o}: chmod {access.should_be:o}",
        )
        for access in access_of(settings)
    ]


def _exposure(settings: Settings) -> Finding:
    if settings.tls_certificate:
        return Finding("transport", is_fine=True, message="TLS")
    if is_loopback(settings.host):
        return Finding("transport", is_fine=True, message="loopback")
    if settings.behind_proxy:
        return Finding("transport", is_fine=True, message="behind a proxy that terminates TLS")
    return Finding(
        "transport",
        is_fine=False,
        message="the API would listen beyond loopback without TLS: set tls_certificate and tls_key, or behind_proxy",
    )


def _store_connections(settings: Settings) -> Finding:
    exposed = next(filter(None, (kind_of(url).exposure(url) for url in settings.store_urls)), None)
    return Finding("store connections", is_fine=exposed is None, message=exposed or "on this machine, or over TLS")


async def _token_service(vault: Vault, provider: GuardedTokenService) -> Finding:
    """Check whether a provider can answer now, and show its capabilities."""
    check, can = f"token service {provider.tsp_id}", provider.capabilities
    try:
        await provider.health()
    except VaultError as error:
        return Finding(check, is_fine=False, message=_reason(error))
    facts = {
        "suspends": can.suspends,
        "binds amounts": can.binds_amounts,
        "needs no cryptogram for merchants' payments": can.merchant_initiated_without_cryptogram,
        "requires evidence": can.evidence_required,
    }
    kind = "for tests" if provider.tsp_id in vault.local_services else "real"
    shown = [kind, "/".join(sorted(can.networks)), *(fact for fact, is_true in facts.items() if is_true)]
    return Finding(check, is_fine=True, message=", ".join(shown))


def _routes(vault: Vault) -> Finding:
    """Show the provider of each network. A network without a provider is not an error."""
    routed = vault.providers.routed()
    return Finding("routes", is_fine=True, message=", ".join(f"{name}: {tsp_id}" for name, tsp_id in routed.items()))


async def _audit(vault: Vault) -> Finding:
    report = await vault.verify_audit()
    message = f"{report.entries} entries, {report.checkpoints} checkpoints"
    return Finding("audit trail", is_fine=report.intact, message=message if report.intact else report.findings[0])


async def _keys(settings: Settings) -> list[Finding]:
    """Unwrap every key. The vault is not open yet, because it does not open without some of them."""
    try:
        return _inspected(await inspect_all_keys(settings, show_progress), "", "unwrap")
    except VaultError as error:
        return [Finding("keys", is_fine=False, message=_reason(error))]


def _inspected(inspections: Sequence[Inspection], kind: str, verb: str) -> list[Finding]:
    """Return a row for each table that is fine, and a row for each problem."""
    findings = []
    for inspection in inspections:
        check = f"{kind} {inspection.name}".strip()
        if not inspection.problem_count:
            findings.append(Finding(check, is_fine=True, message=f"{inspection.checked} checked: all {verb}"))
        findings += [Finding(check, is_fine=False, message=problem) for problem in inspection.problems]
        if more := inspection.problem_count - len(inspection.problems):
            findings.append(Finding(check, is_fine=False, message=f"and {more} more"))
    return findings


def _reason(error: VaultError) -> str:
    """Return what is wrong and what to do, whichever of them the error has."""
    message = "" if error.message == VaultError.message else error.message
    return "; ".join(filter(None, (message, error.hint))) or error.message
