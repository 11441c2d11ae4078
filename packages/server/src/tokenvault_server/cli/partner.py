"""`tokenvault partner`: manages platforms that act for merchants, and their keys."""

from __future__ import annotations

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.accounts import (
    check_confirmed,
    confirm_option,
    is_paused,
    print_done,
    print_page,
    reason_option,
    shown_credentials,
    shown_endpoints,
    state_of,
)
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.credentials import moment, overlap_option, print_credentials, print_once, seconds
from tokenvault_server.cli.output import print_json, print_line, print_rows
from tokenvault_server.domain.identifiers import MerchantId, PartnerId


@click.group(help="Add, list, link, show, suspend, resume and remove partners; replace and revoke their keys.")
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
            "state": each.state.value,
        }
        for each in partners
    ]
    rows = [
        (each.partner_id, each.name, str(len(shown["merchants"])), each.state.value)
        for each, shown in zip(partners, listed, strict=True)
    ]
    print_rows(listed, ("partner", "name", "merchants", "state"), rows, as_json=as_json)


@command.command()
@click.argument("partner_id")
@on_vault
@json_option
async def show(vault: Vault, *, partner_id: str, as_json: bool) -> None:
    """Show a partner: its state, keys, merchants, and the webhook endpoints that its key signs for."""
    partner = await vault.partners.load(PartnerId(partner_id))
    keys = await vault.partners.keys(partner.partner_id)
    endpoints = await vault.webhooks.endpoints_of_partner(partner.partner_id)
    linked = [each.merchant_id for each in await vault.partners.links_of(partner.partner_id)]
    merchants = {
        each: await vault.merchants.known(each) for each in (*linked, *(endpoint.merchant_id for endpoint in endpoints))
    }
    of_merchants = [await vault.webhooks.queues(each) for each in merchants]
    queues = {endpoint_id: queue for each in of_merchants for endpoint_id, queue in each.items()}
    page = {
        "partner_id": partner.partner_id,
        "name": partner.name,
        **state_of(partner),
        "created_at": moment(partner.created_at),
        "last_activity_at": moment(max(filter(None, (each.last_used_at for each in keys)), default=None)),
        "keys": shown_credentials("key_id", keys, vault.clock),
        "merchants": [
            {"merchant_id": each, "name": merchants[each].name, **state_of(merchants[each])} for each in linked
        ],
        "endpoints": shown_endpoints(
            endpoints, queues, lambda endpoint: is_paused(partner) or is_paused(merchants[endpoint.merchant_id])
        ),
    }
    print_page(page, as_json=as_json)


@command.command()
@click.argument("partner_id")
@reason_option("suspended by an operator")
@on_vault
async def suspend(vault: Vault, *, partner_id: str, reason: str) -> None:
    """Refuse a partner's calls and let the webhooks that it signs wait. Its merchants' own calls are not affected.

    Its calls for merchants that it acts for get 403 `partner_suspended`. `partner resume` ends the suspension.
    """
    await vault.account_states.suspend_partner(PartnerId(partner_id), "cli", reason)
    print_line(f"{partner_id} is suspended")


@command.command()
@click.argument("partner_id")
@reason_option("resumed by an operator")
@on_vault
async def resume(vault: Vault, *, partner_id: str, reason: str) -> None:
    """End the suspension of a partner. Its calls are served again, and the webhooks that waited are sent."""
    await vault.account_states.resume_partner(PartnerId(partner_id), "cli", reason)
    print_line(f"{partner_id} is active")


@command.command()
@click.argument("partner_id")
@confirm_option
@reason_option("removed by an operator")
@on_vault
@json_option
async def remove(vault: Vault, *, partner_id: str, confirm: str, reason: str, as_json: bool) -> None:
    """End all keys, links and webhook endpoints of a partner. Its merchants and their cards stay. It cannot be undone.

    If the command is interrupted, the partner is suspended; run the command again to go on.
    """
    check_confirmed(partner_id, confirm)
    done = await vault.removals.remove_partner(PartnerId(partner_id), "cli", reason)
    if as_json:
        print_json({"partner_id": partner_id, **done._asdict()})
        return
    print_line(f"{partner_id} is removed")
    print_done(done._asdict())


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
