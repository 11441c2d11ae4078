"""`tokenvault limits`: merchants that may call an operation more often than others, or less often."""

from __future__ import annotations

import click

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault, print_listed
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
@on_vault
async def set_limit(vault: Vault, *, merchant_id: str, operation: str, per_minute: int) -> None:
    """Let a merchant call an operation so often in a minute; a running vault knows within a second."""
    await vault.own_limits.set(OwnLimit(MerchantId(merchant_id), operation, per_minute), "cli")


@command.command()
@click.argument("merchant_id")
@click.argument("operation", type=_OPERATION)
@on_vault
async def clear(vault: Vault, *, merchant_id: str, operation: str) -> None:
    """Have the vault's own limit count again for a merchant and operation."""
    await vault.own_limits.clear(MerchantId(merchant_id), operation, "cli")


@command.command(name="list")
@on_vault
@json_option
async def list_limits(vault: Vault, *, as_json: bool) -> None:
    """List the limits that merchants have of their own; everybody else has those of the settings."""
    found = await vault.own_limits.list()
    rows = [(limit.merchant_id, limit.operation, str(limit.per_minute)) for limit in found]
    print_listed([limit._asdict() for limit in found], ("merchant", "operation", "per minute"), rows, as_json=as_json)
