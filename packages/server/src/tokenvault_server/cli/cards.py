"""`tokenvault cards`: lists saved cards as operators may see them, and the test cards."""

from __future__ import annotations

from pathlib import Path

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault, run, vault_options, with_vault
from tokenvault_server.cli.output import print_line, print_rows
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.tsp.provider import LifecycleResult

_COLUMNS = ("merchant", "customer", "instrument", "card", "network", "bank", "status")


@click.group(help="List saved cards and test cards; suspend and resume saved cards.")
def command() -> None:
    """Group the card commands."""


@command.command(name="list")
@click.option("--merchant", help="List only the cards of this merchant (its id).")
@click.option("--customer", help="List only the cards of this customer. Needs --merchant.")
@click.option("--limit", default=100, show_default=True, help="Maximum number of cards for each merchant.")
@vault_options
@json_option
def list_cards(
    *,
    merchant: str | None,
    customer: str | None,
    limit: int,
    config: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """List saved cards with last four digits, network, bank and status. No sealed record is opened."""
    if customer and not merchant:
        raise click.UsageError("--customer needs --merchant")

    async def act(vault: Vault) -> list[Instrument]:
        if merchant and customer:
            caller = Caller(MerchantId(merchant), "cli")
            saved = await vault.instruments.fetch_all(caller, CustomerId(customer))
            return [card.instrument for card in saved][:limit]
        ids = [MerchantId(merchant)] if merchant else [each.merchant_id for each in await vault.merchants.list()]
        by_merchant = [await vault.instruments.list_of_merchant(each, limit) for each in ids]
        return [instrument for instruments in by_merchant for instrument in instruments]

    rows = [_row(instrument) for instrument in run(with_vault(config, data, act))]
    print_rows([dict(zip(_COLUMNS, row, strict=True)) for row in rows], _COLUMNS, rows, as_json=as_json)


@command.command(name="test")
@json_option
def list_test_cards(*, as_json: bool) -> None:
    """List the card numbers and ranges that the built-in token service accepts. None of them is a real card."""
    from tokenvault_server.tsp.local.sandbox_cards import TEST_RANGES

    columns = ("number", "network", "type", "sub type", "bank")
    rows = [
        (card.prefix.ljust(card.length, "x"), card.network.value, card.card_type, card.card_sub_type, card.issuer)
        for card in TEST_RANGES
    ]
    print_rows([dict(zip(columns, row, strict=True)) for row in rows], columns, rows, as_json=as_json)


@command.command()
@click.argument("merchant")
@click.argument("customer")
@click.argument("instrument")
@click.option(
    "--reason", default="suspended by an operator", show_default=True, help="The reason, for the audit trail."
)
@on_vault
async def suspend(vault: Vault, *, merchant: str, customer: str, instrument: str, reason: str) -> None:
    """Suspend the token of a saved card at its provider, for all saved cards that use it. Webhooks report it."""
    card = (Caller(MerchantId(merchant), "cli"), CustomerId(customer), InstrumentId(instrument))
    _print_status(await vault.suspensions.suspend(*card, reason))


@command.command()
@click.argument("merchant")
@click.argument("customer")
@click.argument("instrument")
@click.option("--reason", default="resumed by an operator", show_default=True, help="The reason, for the audit trail.")
@on_vault
async def resume(vault: Vault, *, merchant: str, customer: str, instrument: str, reason: str) -> None:
    """End the suspension of a saved card. It stays suspended if its issuer has suspended it too."""
    card = (Caller(MerchantId(merchant), "cli"), CustomerId(customer), InstrumentId(instrument))
    _print_status(await vault.suspensions.resume(*card, reason))


def _print_status(result: LifecycleResult) -> None:
    by = f" by its {result.suspended_by.value}" if result.suspended_by else ""
    print_line(f"the token is {result.status.value}{by}")


def _row(instrument: Instrument) -> tuple[str, ...]:
    return (
        instrument.merchant_id,
        instrument.customer_id,
        instrument.instrument_id,
        f"**** {instrument.last4}",
        instrument.network,
        instrument.issuer,
        instrument.status.value,
    )
