"""`tokenvault cryptogram`: issues and verifies cryptograms of the built-in token service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from tokenvault_contract.entities import CryptogramEntity
from tokenvault_server.api.handlers import cryptogram_entity
from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option, on_vault, run, vault_options, with_vault
from tokenvault_server.cli.output import print_json, print_line
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.card import parse_expiry
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.network_token import NetworkToken, TokenRequestorId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import BodyInvalidError, OnlyTestCryptogramsError
from tokenvault_server.tsp.local.verification import Outcome, Presentation
from tokenvault_server.tsp.provider import Amount, CryptogramContext, TransactionKind

_amount_option = click.option("--amount", type=int, help="The amount that it is bound to, in minor units (paise).")
_currency_option = click.option("--currency", default="356", show_default=True, help="The currency's ISO 4217 number.")
_HINT = "give the JSON that the cryptogram call answered"


def _amount_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options `--amount` and `--currency`."""
    return _amount_option(_currency_option(command))


@click.group(help="Issue and verify cryptograms of the built-in token service.")
def command() -> None:
    """Group the cryptogram commands."""


@command.command()
@click.option("--merchant", required=True, help="The merchant id of who presents it.")
@click.option(
    "--file",
    "source",
    type=click.File("rb"),
    default="-",
    help="The body of a cryptogram call, as JSON. [default: standard input]",
)
@_amount_options
@vault_options
@json_option
def verify(
    *,
    merchant: str,
    source: BinaryIO,
    amount: int | None,
    currency: str,
    config: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Say whether a cryptogram is genuine, in time, this merchant's, and presented for the first time.

    It reads what the cryptogram call answered, so that neither token nor cryptogram appears in a process list. A
    verified cryptogram is used up: presenting it again gives `replayed`. One that is bound to an amount needs the same
    --amount. Exits 0 for `verified` and 1 for every other outcome.
    """
    presentation = replace(_presentation(source.read(), merchant), amount=_amount(amount, currency))

    async def act(vault: Vault) -> Outcome:
        for service in vault.local_services.values():
            outcome = await service.verify(presentation)
            if outcome is not Outcome.UNKNOWN_TOKEN:
                return outcome
        return Outcome.UNKNOWN_TOKEN

    outcome = run(with_vault(config, data, act))
    if as_json:
        print_json({"outcome": outcome.value})
    else:
        print_line(outcome.value)
    sys.exit(0 if outcome is Outcome.VERIFIED else CHECK_FAILED)


@command.command()
@click.argument("merchant")
@click.argument("customer")
@click.argument("instrument")
@click.option("--merchant-initiated", is_flag=True, help="For a payment under a mandate, without the cardholder.")
@_amount_options
@on_vault
async def issue(
    vault: Vault,
    *,
    merchant: str,
    customer: str,
    instrument: str,
    merchant_initiated: bool,
    amount: int | None,
    currency: str,
) -> None:
    """Print a test cryptogram for a saved card of a built-in token service, in the format of the API.

    The API has no fields for an amount or a mandate. This command has them, so that verification can be tested.
    It refuses cards of other providers, because their cryptograms are valid for payments.
    """
    caller = Caller(MerchantId(merchant), "cli")
    customer_id, instrument_id = CustomerId(customer), InstrumentId(instrument)
    card = await vault.instruments.load(caller, customer_id, instrument_id)
    if card.tsp_id not in vault.local_services:
        raise OnlyTestCryptogramsError
    kind = TransactionKind.MIT if merchant_initiated else TransactionKind.CIT
    unit = Unit(vault.engine)
    context = CryptogramContext(kind, _amount(amount, currency))
    issued = await vault.cryptograms.issue(caller, unit, customer_id, instrument_id, context)
    await unit.commit()
    print_json(cryptogram_entity(issued))


def _amount(minor_units: int | None, currency: str) -> Amount | None:
    if minor_units is None:
        return None
    try:
        return Amount(minor_units, currency)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _presentation(body: bytes, merchant_id: str) -> Presentation:
    try:
        entity = msgspec.json.decode(body, type=CryptogramEntity)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BodyInvalidError(hint=_HINT) from None
    expiry = parse_expiry(entity.card_expiry_mm, entity.card_expiry_yy)
    if expiry is None:
        raise BodyInvalidError(hint=_HINT)
    return Presentation(
        token_pan=NetworkToken(entity.card_number),
        cryptogram=Secret(entity.cryptogram),
        merchant_id=merchant_id,
        token_expiry=expiry,
        trid=TokenRequestorId(entity.token_requestor_id),
    )
