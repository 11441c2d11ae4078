"""`tokenvault cryptogram`: what whoever accepts a payment does with a cryptogram."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from tokenvault_contract.entities import CryptogramEntity
from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option, print_json, run, vault_options, with_vault
from tokenvault_server.domain.card import parse_expiry
from tokenvault_server.domain.network_token import NetworkToken, TokenRequestorId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import BodyInvalidError
from tokenvault_server.tsp.local.verification import Outcome, Presented

_HINT = "give the JSON that the cryptogram call answered"


@click.group(help="Verify cryptograms of the built-in token service.")
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
@vault_options
@json_option
def verify(*, merchant: str, source: BinaryIO, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Say whether a cryptogram is genuine, in time, this merchant's, and presented for the first time.

    It reads what the cryptogram call answered, so that neither token nor cryptogram appears in a process list. A
    verified cryptogram is used up: presenting it again gives `replayed`. Exits 0 for `verified` and 1 for every other
    outcome.
    """
    presented = _presented(source.read(), merchant)

    async def act(vault: Vault) -> Outcome:
        return await vault.token_service.verify(presented)

    outcome = run(with_vault(config, data, act))
    if as_json:
        print_json({"outcome": outcome.value})
    else:
        click.echo(outcome.value)
    sys.exit(0 if outcome is Outcome.VERIFIED else CHECK_FAILED)


def _presented(body: bytes, merchant_id: str) -> Presented:
    try:
        entity = msgspec.json.decode(body, type=CryptogramEntity)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BodyInvalidError(hint=_HINT) from None
    expiry = parse_expiry(entity.card_expiry_mm, entity.card_expiry_yy)
    if expiry is None:
        raise BodyInvalidError(hint=_HINT)
    return Presented(
        token_pan=NetworkToken(entity.card_number),
        cryptogram=Secret(entity.cryptogram),
        merchant_id=merchant_id,
        token_expiry=expiry,
        trid=TokenRequestorId(entity.token_requestor_id),
    )
