"""`tokenvault limits`: merchants that may call an operation more often than others, or less often."""

from __future__ import annotations

from pathlib import Path

import click

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, print_json, print_table, run, vault_options, with_vault
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.store.rate_limits import OwnLimit

_MOST = 1_000_000_000
_OPERATION = click.Choice([operation.key for operation in OPERATIONS])


@click.group(help="Give merchants rate limits of their own.")
def command() -> None:
    """Group the commands on limits."""


@command.command(name="set")
@click.argument("merchant_id")
@click.argument("operation", type=_OPERATION)
@click.argument("per_minute", type=click.IntRange(1, _MOST))
@vault_options
def set_limit(*, merchant_id: str, operation: str, per_minute: int, config: Path | None, data: Path | None) -> None:
    """Let a merchant call an operation so often in a minute; a running vault knows within a second."""

    async def act(vault: Vault) -> None:
        await vault.own_limits.set(OwnLimit(MerchantId(merchant_id), operation, per_minute), "cli")

    run(with_vault(config, data, act))


@command.command()
@click.argument("merchant_id")
@click.argument("operation", type=_OPERATION)
@vault_options
def clear(*, merchant_id: str, operation: str, config: Path | None, data: Path | None) -> None:
    """Have the vault's own limit count again for a merchant and operation."""

    async def act(vault: Vault) -> None:
        await vault.own_limits.clear(MerchantId(merchant_id), operation, "cli")

    run(with_vault(config, data, act))


@command.command(name="list")
@vault_options
@json_option
def list_limits(*, config: Path | None, data: Path | None, as_json: bool) -> None:
    """List the limits that merchants have of their own; everybody else has those of the settings."""

    async def act(vault: Vault) -> list[OwnLimit]:
        return await vault.own_limits.list()

    found = run(with_vault(config, data, act))
    if as_json:
        print_json([limit._asdict() for limit in found])
        return
    rows = [(limit.merchant_id, limit.operation, str(limit.per_minute)) for limit in found]
    print_table(("merchant", "operation", "per minute"), rows)
