"""`tokenvault limits`: sets rate limits for single merchants."""

from __future__ import annotations

import click

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.output import print_rows
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.rate_limit import OwnLimit

_MAX = 1_000_000_000
_OPERATION = click.Choice([operation.key for operation in OPERATIONS])


@click.group(help="Set rate limits for single merchants.")
def command() -> None:
    """Group the commands on limits."""


@command.command(name="set")
@click.argument("merchant_id")
@click.argument("operation", type=_OPERATION)
@click.argument("per_minute", type=click.IntRange(1, _MAX))
@on_vault
async def set_limit(vault: Vault, *, merchant_id: str, operation: str, per_minute: int) -> None:
    """Set how many calls of an operation a merchant may make in a minute. Running servers apply it within a second."""
    await vault.own_limits.set(OwnLimit(MerchantId(merchant_id), operation, per_minute), "cli")


@command.command()
@click.argument("merchant_id")
@click.argument("operation", type=_OPERATION)
@on_vault
async def clear(vault: Vault, *, merchant_id: str, operation: str) -> None:
    """Delete a merchant's own limit for an operation, so that the limit of the settings applies."""
    await vault.own_limits.clear(MerchantId(merchant_id), operation, "cli")


@command.command(name="list")
@on_vault
@json_option
async def list_limits(vault: Vault, *, as_json: bool) -> None:
    """List merchants' own limits. All other merchants have the limits of the settings."""
    limits = await vault.own_limits.list()
    rows = [(limit.merchant_id, limit.operation, str(limit.per_minute)) for limit in limits]
    print_rows([limit._asdict() for limit in limits], ("merchant", "operation", "per minute"), rows, as_json=as_json)
