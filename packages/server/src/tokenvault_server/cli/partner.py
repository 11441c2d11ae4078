"""`tokenvault partner`: platforms that act for merchants, and the keys that they sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, print_json, print_table, run, vault_options, with_vault
from tokenvault_server.cli.credentials import overlap_option, print_credentials, print_once, seconds
from tokenvault_server.domain.credential import Credential
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.merchant import Partner
from tokenvault_server.vault.credentials import NewCredential
from tokenvault_server.vault.partners import NewPartner

Listed = tuple[list[Partner], Sequence[tuple[PartnerId, MerchantId]]]


@click.group(help="Add and list partners, say for whom they act, replace and revoke their keys.")
def command() -> None:
    """Group the partner commands."""


@command.command()
@click.argument("name")
@vault_options
@json_option
def add(*, name: str, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Add a partner and print its API key, which is shown this once. It acts for nobody until it is linked."""

    async def act(vault: Vault) -> NewPartner:
        return await vault.partners.add(name, "cli")

    new = run(with_vault(config, data, act))
    print_once({"partner_id": new.partner_id, "partner_api_key": new.api_key.reveal()}, as_json=as_json)


@command.command(name="list")
@vault_options
@json_option
def list_partners(*, config: Path | None, data: Path | None, as_json: bool) -> None:
    """List all partners and the merchants that each may act for, oldest first."""

    async def act(vault: Vault) -> Listed:
        return await vault.partners.list(), await vault.partners.links()

    partners, links = run(with_vault(config, data, act))
    found = [
        {
            "partner_id": each.partner_id,
            "name": each.name,
            "merchants": [merchant for partner, merchant in links if partner == each.partner_id],
        }
        for each in partners
    ]
    if as_json:
        print_json(found)
        return
    rows = [
        (each.partner_id, each.name, str(len(shown["merchants"]))) for each, shown in zip(partners, found, strict=True)
    ]
    print_table(("partner", "name", "merchants"), rows)


@command.command()
@click.argument("partner_id")
@click.argument("merchant_id")
@vault_options
def link(*, partner_id: str, merchant_id: str, config: Path | None, data: Path | None) -> None:
    """Let a partner act for a merchant."""

    async def act(vault: Vault) -> None:
        await vault.partners.link(PartnerId(partner_id), MerchantId(merchant_id), "cli")

    run(with_vault(config, data, act))
    click.echo(f"{partner_id} acts for {merchant_id}")


@command.command()
@click.argument("partner_id")
@click.argument("merchant_id")
@vault_options
def unlink(*, partner_id: str, merchant_id: str, config: Path | None, data: Path | None) -> None:
    """Let a partner act for a merchant no longer, at once."""

    async def act(vault: Vault) -> None:
        await vault.partners.unlink(PartnerId(partner_id), MerchantId(merchant_id), "cli")

    run(with_vault(config, data, act))
    click.echo(f"{partner_id} does not act for {merchant_id}")


@command.command(name="rotate-key")
@click.argument("partner_id")
@overlap_option
@vault_options
@json_option
def rotate_key(*, partner_id: str, overlap: int, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Make a partner's next key, shown this once; the one before it ends when the overlap is over.

    Two keys may be live at a time; a third is refused.
    """

    async def act(vault: Vault) -> NewCredential:
        return await vault.partners.rotate_key(PartnerId(partner_id), seconds(overlap), "cli")

    new = run(with_vault(config, data, act))
    print_once({"key_id": new.which.credential_id, "partner_api_key": new.secret.reveal()}, as_json=as_json)


@command.command(name="revoke-key")
@click.argument("partner_id")
@click.argument("key_id")
@vault_options
def revoke_key(*, partner_id: str, key_id: str, config: Path | None, data: Path | None) -> None:
    """End a partner's key at once."""

    async def act(vault: Vault) -> None:
        await vault.partners.revoke_key(PartnerId(partner_id), key_id, "cli")

    run(with_vault(config, data, act))
    click.echo(f"{key_id} is revoked")


@command.command(name="keys")
@click.argument("partner_id")
@vault_options
@json_option
def list_keys(*, partner_id: str, config: Path | None, data: Path | None, as_json: bool) -> None:
    """List a partner's keys: when each was made, last used, expires and was revoked. No key is shown."""

    async def act(vault: Vault) -> tuple[Sequence[Credential], int]:
        return await vault.partners.keys(PartnerId(partner_id)), vault.clock.now()

    print_credentials("key_id", *run(with_vault(config, data, act)), as_json=as_json)
