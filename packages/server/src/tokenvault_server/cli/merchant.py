"""`tokenvault merchant`: the businesses whose customers save cards."""

from __future__ import annotations

from pathlib import Path

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, print_json, print_table, run, vault_options, with_vault
from tokenvault_server.domain.merchant import Merchant
from tokenvault_server.vault.merchants import NewMerchant


@click.group(help="Add and list merchants.")
def command() -> None:
    """Group the merchant commands."""


@command.command()
@click.argument("name")
@vault_options
@json_option
def add(*, name: str, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Add a merchant with keys of its own and print its credentials; the secret is shown this once."""

    async def act(vault: Vault) -> NewMerchant:
        return await vault.merchants.add(name, "cli")

    new = run(with_vault(config, data, act))
    shown = {
        "merchant_id": new.merchant.merchant_id,
        "client_id": new.merchant.client_id,
        "client_secret": new.client_secret.reveal(),
    }
    if as_json:
        print_json(shown)
        return
    for label, value in shown.items():
        click.echo(f"{label:14} {value}")
    click.echo("The secret cannot be shown again. Keep it where your payment server reads its secrets.", err=True)


@command.command(name="list")
@vault_options
@json_option
def list_merchants(*, config: Path | None, data: Path | None, as_json: bool) -> None:
    """List all merchants, oldest first."""

    async def act(vault: Vault) -> list[Merchant]:
        return await vault.merchants.list()

    found = run(with_vault(config, data, act))
    if as_json:
        print_json(found)
        return
    rows = [(merchant.merchant_id, merchant.client_id, merchant.name) for merchant in found]
    print_table(("merchant", "client id", "name"), rows)
