"""`tokenvault merchant`: manages merchants and their credentials."""

from __future__ import annotations

import sys

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.credentials import (
    overlap_option,
    print_credentials,
    print_once,
    print_signature_keys,
    seconds,
)
from tokenvault_server.cli.output import print_json, print_line, print_rows
from tokenvault_server.domain.identifiers import MerchantId


@click.group(help="Add and list merchants; replace and revoke their secrets.")
def command() -> None:
    """Group the merchant commands."""


@command.command()
@click.argument("name")
@on_vault
@json_option
async def add(vault: Vault, *, name: str, as_json: bool) -> None:
    """Add a merchant with its own keys, and print its credentials. The secret is shown only this once."""
    new = await vault.merchants.add(name, "cli")
    shown = {
        "merchant_id": new.merchant.merchant_id,
        "client_id": new.merchant.client_id,
        "client_secret": new.client_secret.reveal(),
    }
    print_once(shown, as_json=as_json)


@command.command(name="list")
@on_vault
@json_option
async def list_merchants(vault: Vault, *, as_json: bool) -> None:
    """List all merchants, oldest first."""
    merchants = await vault.merchants.list()
    rows = [(merchant.merchant_id, merchant.client_id, merchant.name) for merchant in merchants]
    print_rows(merchants, ("merchant", "client id", "name"), rows, as_json=as_json)


@command.command(name="rotate-secret")
@click.argument("merchant_id")
@overlap_option
@on_vault
@json_option
async def rotate_secret(vault: Vault, *, merchant_id: str, overlap: int, as_json: bool) -> None:
    """Make a new secret for a merchant, shown only this once. The old secret ends when the overlap is over.

    A merchant has at most two live secrets; a third is refused.
    """
    new = await vault.merchants.rotate_secret(MerchantId(merchant_id), seconds(overlap), "cli")
    print_once({"secret_id": new.stored.credential_id, "client_secret": new.secret.reveal()}, as_json=as_json)


@command.command(name="secrets")
@click.argument("merchant_id")
@on_vault
@json_option
async def list_secrets(vault: Vault, *, merchant_id: str, as_json: bool) -> None:
    """List a merchant's secrets: when each was made, last used and revoked, and when it expires. No secret is shown."""
    secrets = await vault.merchants.secrets(MerchantId(merchant_id))
    print_credentials("secret_id", secrets, vault.clock.now(), as_json=as_json)


@command.command(name="revoke-secret")
@click.argument("merchant_id")
@click.argument("secret_id")
@on_vault
async def revoke_secret(vault: Vault, *, merchant_id: str, secret_id: str) -> None:
    """Revoke a secret. All running servers refuse it within a second."""
    await vault.merchants.revoke_secret(MerchantId(merchant_id), secret_id, "cli")
    print_line(f"{secret_id} is revoked")


@command.command(name="signature-key")
@click.argument("merchant_id")
@click.option("--end", is_flag=True, help="End the merchant's key instead. Only its secrets remain.")
@on_vault
@json_option
async def signature_key(vault: Vault, *, merchant_id: str, end: bool, as_json: bool) -> None:
    """Make an RSA key pair for x-client-signature and print the public key. An earlier pair ends.

    Anyone who has the public key can authenticate, so treat it as a secret. `serve` accepts signatures only with
    `signature_auth = true`.
    """
    if end:
        await vault.client_signatures.end_key(MerchantId(merchant_id), "cli")
        print_line("the signature key has ended")
        return
    public = await vault.client_signatures.make_key(MerchantId(merchant_id), "cli")
    if as_json:
        print_json({"merchant_id": merchant_id, "public_key": public})
    else:
        sys.stdout.write(public)  # our own PEM, which is several lines


@command.command(name="signature-keys")
@click.argument("merchant_id")
@on_vault
@json_option
async def list_signature_keys(vault: Vault, *, merchant_id: str, as_json: bool) -> None:
    """List a merchant's RSA key pairs: when each was made and last used, and whether it has ended. No key is shown."""
    print_signature_keys(await vault.client_signatures.all(MerchantId(merchant_id)), as_json=as_json)
