"""`tokenvault merchant`: manages merchants and their credentials."""

from __future__ import annotations

import sys
from typing import Any

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
from tokenvault_server.cli.credentials import (
    moment,
    overlap_option,
    print_credentials,
    print_once,
    print_signature_keys,
    seconds,
)
from tokenvault_server.cli.output import print_json, print_line, print_rows, show_progress
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import Merchant


@click.group(help="Add, list, show, suspend, resume and remove merchants; replace and revoke their secrets.")
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
    rows = [(each.merchant_id, each.client_id, each.name, each.state.value) for each in merchants]
    print_rows(merchants, ("merchant", "client id", "name", "state"), rows, as_json=as_json)


@command.command()
@click.argument("merchant_id")
@on_vault
@json_option
async def show(vault: Vault, *, merchant_id: str, as_json: bool) -> None:
    """Show a merchant: its state, credentials, partners, limits, webhook endpoints, and how many cards it has."""
    print_page(await _page(vault, await vault.merchants.known(MerchantId(merchant_id))), as_json=as_json)


@command.command()
@click.argument("merchant_id")
@reason_option("suspended by an operator")
@on_vault
async def suspend(vault: Vault, *, merchant_id: str, reason: str) -> None:
    """Refuse a merchant's calls and let its webhooks wait, within a second on all servers. Its saved cards are kept.

    Callers with the right credentials get 403 `merchant_suspended`. `merchant resume` ends the suspension.
    """
    await vault.account_states.suspend_merchant(MerchantId(merchant_id), "cli", reason)
    print_line(f"{merchant_id} is suspended")


@command.command()
@click.argument("merchant_id")
@reason_option("resumed by an operator")
@on_vault
async def resume(vault: Vault, *, merchant_id: str, reason: str) -> None:
    """End the suspension of a merchant. Its calls are served again, and the webhooks that waited are sent."""
    await vault.account_states.resume_merchant(MerchantId(merchant_id), "cli", reason)
    print_line(f"{merchant_id} is active")


@command.command()
@click.argument("merchant_id")
@confirm_option
@reason_option("removed by an operator")
@on_vault
@json_option
async def remove(vault: Vault, *, merchant_id: str, confirm: str, reason: str, as_json: bool) -> None:
    """Delete all cards of a merchant, at their providers too, and end all of its credentials. It cannot be undone.

    The merchant's row and its audit trail are kept. If the command is interrupted, the merchant is suspended; run the
    command again to go on.
    """
    check_confirmed(merchant_id, confirm)
    done = await vault.removals.remove_merchant(MerchantId(merchant_id), "cli", reason, _show_deleted)
    show_progress()
    waiting = await vault.removals.delete_tokens(MerchantId(merchant_id))
    counts = done._asdict() | {"waiting_tokens": waiting}
    if as_json:
        print_json({"merchant_id": merchant_id, **counts})
        return
    print_line(f"{merchant_id} is removed")
    print_done(counts)
    if waiting:
        print_line("Running servers delete the waiting tokens at their providers.", to_stderr=True)


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


async def _page(vault: Vault, merchant: Merchant) -> dict[str, Any]:
    """Return everything that `merchant show` prints."""
    merchant_id = merchant.merchant_id
    secrets = await vault.merchants.secrets(merchant_id)
    keys = await vault.client_signatures.all(merchant_id)
    partners = {partner.partner_id: partner for partner in await vault.partners.list()}
    endpoints, queues = await vault.webhooks.endpoints(merchant_id), await vault.webhooks.queues(merchant_id)
    cards = await vault.instruments.summary(merchant_id)
    uses = [each.last_used_at for each in secrets] + [each.last_used_at for each in keys]
    return {
        "merchant_id": merchant_id,
        "name": merchant.name,
        "client_id": merchant.client_id,
        **state_of(merchant),
        "created_at": moment(merchant.created_at),
        "last_activity_at": moment(max(filter(None, (*uses, cards.last_change_at)), default=None)),
        "cards": {status.value.lower(): count for status, count in cards.counts.items()},
        "secrets": shown_credentials("secret_id", secrets, vault.clock),
        "signature_keys": [
            {
                "version": key.version,
                "state": "live" if key.is_live else "ended",
                "last_used_at": moment(key.last_used_at),
            }
            for key in keys
        ],
        "partners": [
            {
                "partner_id": link.partner_id,
                "name": partners[link.partner_id].name,
                **state_of(partners[link.partner_id]),
            }
            for link in await vault.partners.links_to(merchant_id)
        ],
        "limits": [
            {"operation": name, "per_minute": limit} for name, limit in (await vault.own_limits.of(merchant_id)).items()
        ],
        "endpoints": shown_endpoints(
            endpoints,
            queues,
            lambda each: is_paused(merchant) or (each.partner_id is not None and is_paused(partners[each.partner_id])),
        ),
    }


def _show_deleted(deleted: int, total: int) -> None:
    show_progress(f"deleted cards of {total}", deleted)
