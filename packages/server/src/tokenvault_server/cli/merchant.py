"""`tokenvault merchant`: the businesses whose customers save cards, and what they sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, print_json, print_table, run, vault_options, with_vault
from tokenvault_server.cli.credentials import (
    overlap_option,
    print_credentials,
    print_once,
    print_signature_keys,
    seconds,
)
from tokenvault_server.domain.credential import Credential, SignatureKey
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import Merchant
from tokenvault_server.vault.credentials import NewCredential
from tokenvault_server.vault.merchants import NewMerchant


@click.group(help="Add and list merchants; replace and revoke their secrets.")
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
    print_once(shown, as_json=as_json)


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


@command.command(name="rotate-secret")
@click.argument("merchant_id")
@overlap_option
@vault_options
@json_option
def rotate_secret(*, merchant_id: str, overlap: int, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Make a merchant's next secret, shown this once; the one before it ends when the overlap is over.

    Two secrets may be live at a time; a third is refused.
    """

    async def act(vault: Vault) -> NewCredential:
        return await vault.merchants.rotate_secret(MerchantId(merchant_id), seconds(overlap), "cli")

    new = run(with_vault(config, data, act))
    print_once({"secret_id": new.which.credential_id, "client_secret": new.secret.reveal()}, as_json=as_json)


@command.command(name="secrets")
@click.argument("merchant_id")
@vault_options
@json_option
def list_secrets(*, merchant_id: str, config: Path | None, data: Path | None, as_json: bool) -> None:
    """List a merchant's secrets: when each was made, last used, expires and was revoked. No secret is shown."""

    async def act(vault: Vault) -> tuple[Sequence[Credential], int]:
        return await vault.merchants.secrets(MerchantId(merchant_id)), vault.clock.now()

    print_credentials("secret_id", *run(with_vault(config, data, act)), as_json=as_json)


@command.command(name="revoke-secret")
@click.argument("merchant_id")
@click.argument("secret_id")
@vault_options
def revoke_secret(*, merchant_id: str, secret_id: str, config: Path | None, data: Path | None) -> None:
    """End a secret: within a second nobody signs in with it."""

    async def act(vault: Vault) -> None:
        await vault.merchants.revoke_secret(MerchantId(merchant_id), secret_id, "cli")

    run(with_vault(config, data, act))
    click.echo(f"{secret_id} is revoked")


@command.command(name="signature-key")
@click.argument("merchant_id")
@click.option("--end", is_flag=True, help="End the merchant's key instead; it signs in by its secret only.")
@vault_options
@json_option
def signature_key(*, merchant_id: str, end: bool, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Make a merchant's RSA pair for x-client-signature and print the public half; a pair before it ends.

    Whoever holds the public half can sign in, so it is a secret like any other. `serve` accepts signatures only with
    `signature_auth = true`.
    """

    async def act(vault: Vault) -> str:
        if end:
            await vault.client_signatures.end_key(MerchantId(merchant_id), "cli")
            return ""
        return await vault.client_signatures.make_key(MerchantId(merchant_id), "cli")

    public = run(with_vault(config, data, act))
    if end:
        click.echo("the signature key is ended")
    elif as_json:
        print_json({"merchant_id": merchant_id, "public_key": public})
    else:
        click.echo(public, nl=False)


@command.command(name="signature-keys")
@click.argument("merchant_id")
@vault_options
@json_option
def list_signature_keys(*, merchant_id: str, config: Path | None, data: Path | None, as_json: bool) -> None:
    """List a merchant's RSA pairs: when each was made and last used, and whether it has ended. No half is shown."""

    async def act(vault: Vault) -> Sequence[SignatureKey]:
        return await vault.client_signatures.all(MerchantId(merchant_id))

    print_signature_keys(run(with_vault(config, data, act)), as_json=as_json)
