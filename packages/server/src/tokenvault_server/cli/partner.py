"""`tokenvault partner`: manages platforms that act for merchants, and their keys."""

from __future__ import annotations

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.credentials import overlap_option, print_credentials, print_once, seconds
from tokenvault_server.cli.output import print_line, print_rows
from tokenvault_server.domain.identifiers import MerchantId, PartnerId


@click.group(help="Add, list and link partners; replace and revoke their keys.")
def command() -> None:
    """Group the partner commands."""


@command.command()
@click.argument("name")
@on_vault
@json_option
async def add(vault: Vault, *, name: str, as_json: bool) -> None:
    """Add a partner and print its API key, shown only once. It acts for no merchant until it is linked."""
    new = await vault.partners.add(name, "cli")
    print_once({"partner_id": new.partner_id, "partner_api_key": new.api_key.reveal()}, as_json=as_json)


@command.command(name="list")
@on_vault
@json_option
async def list_partners(vault: Vault, *, as_json: bool) -> None:
    """List all partners and the merchants that each may act for, oldest first."""
    partners, links = await vault.partners.list(), await vault.partners.links()
    listed = [
        {
            "partner_id": each.partner_id,
            "name": each.name,
            "merchants": [link.merchant_id for link in links if link.partner_id == each.partner_id],
        }
        for each in partners
    ]
    rows = [
        (each.partner_id, each.name, str(len(shown["merchants"]))) for each, shown in zip(partners, listed, strict=True)
    ]
    print_rows(listed, ("partner", "name", "merchants"), rows, as_json=as_json)


@command.command()
@click.argument("partner_id")
@click.argument("merchant_id")
@on_vault
async def link(vault: Vault, *, partner_id: str, merchant_id: str) -> None:
    """Let a partner act for a merchant."""
    await vault.partners.link(PartnerId(partner_id), MerchantId(merchant_id), "cli")
    print_line(f"{partner_id} acts for {merchant_id}")


@command.command()
@click.argument("partner_id")
@click.argument("merchant_id")
@on_vault
async def unlink(vault: Vault, *, partner_id: str, merchant_id: str) -> None:
    """Stop a partner from acting for a merchant, at once."""
    await vault.partners.unlink(PartnerId(partner_id), MerchantId(merchant_id), "cli")
    print_line(f"{partner_id} no longer acts for {merchant_id}")


@command.command(name="rotate-key")
@click.argument("partner_id")
@overlap_option
@on_vault
@json_option
async def rotate_key(vault: Vault, *, partner_id: str, overlap: int, as_json: bool) -> None:
    """Make a new key for a partner, shown only this once. The old key ends when the overlap is over.

    A partner has at most two live keys; a third is refused.
    """
    new = await vault.partners.rotate_key(PartnerId(partner_id), seconds(overlap), "cli")
    print_once({"key_id": new.stored.credential_id, "partner_api_key": new.secret.reveal()}, as_json=as_json)


@command.command(name="revoke-key")
@click.argument("partner_id")
@click.argument("key_id")
@on_vault
async def revoke_key(vault: Vault, *, partner_id: str, key_id: str) -> None:
    """Revoke a partner's key at once."""
    await vault.partners.revoke_key(PartnerId(partner_id), key_id, "cli")
    print_line(f"{key_id} is revoked")


@command.command(name="keys")
@click.argument("partner_id")
@on_vault
@json_option
async def list_keys(vault: Vault, *, partner_id: str, as_json: bool) -> None:
    """List a partner's keys: when each was made, last used and revoked, and when it expires. No key is shown."""
    keys = await vault.partners.keys(PartnerId(partner_id))
    print_credentials("key_id", keys, vault.clock.now(), as_json=as_json)
