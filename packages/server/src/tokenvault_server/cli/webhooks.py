"""`tokenvault webhooks`: manages webhook endpoints and their deliveries."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from tokenvault_server.bootstrap import Vault
from tokenvault_server.cli.common import json_option, on_vault
from tokenvault_server.cli.output import print_document, print_json, print_line, print_rows
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.webhook import DeliveryReport, DeliveryState

_COLUMNS = ("event", "type", "instrument", "endpoint", "state", "attempts", "last outcome", "due")


@click.group(help="Manage webhook endpoints and their deliveries.")
def command() -> None:
    """Group the webhook commands."""


@command.group()
def endpoints() -> None:
    """Add, remove and list the URLs that events are posted to."""


@endpoints.command()
@click.argument("merchant_id")
@click.argument("url")
@click.option("--partner", help="Sign with this partner's key instead of the merchant's secret.")
@on_vault
@json_option
async def add(vault: Vault, *, merchant_id: str, url: str, partner: str | None, as_json: bool) -> None:
    """Post a merchant's events to a URL from now on. Running servers begin at once.

    The events are signed with the merchant's client secret. Of two live secrets the older one signs until it ends.
    """
    partner_id = PartnerId(partner) if partner else None
    endpoint = await vault.webhooks.add(MerchantId(merchant_id), url, "cli", partner_id)
    if as_json:
        print_json(endpoint._asdict())
        return
    print_line(f"{endpoint.endpoint_id} receives the events of {merchant_id}")


@endpoints.command()
@click.argument("merchant_id")
@click.argument("endpoint_id")
@on_vault
async def remove(vault: Vault, *, merchant_id: str, endpoint_id: str) -> None:
    """Delete an endpoint and its deliveries. Nothing more is sent to it."""
    await vault.webhooks.remove(MerchantId(merchant_id), endpoint_id, "cli")
    print_line(f"{endpoint_id} is removed")


@endpoints.command(name="list")
@click.option("--merchant", help="List only the endpoints of this merchant.")
@on_vault
@json_option
async def list_endpoints(vault: Vault, *, merchant: str | None, as_json: bool) -> None:
    """List endpoints, oldest first."""
    listed = await vault.webhooks.endpoints(MerchantId(merchant) if merchant else None)
    rows = [(each.merchant_id, each.endpoint_id, each.url, "failing" if each.failure_count else "") for each in listed]
    print_rows([each._asdict() for each in listed], ("merchant", "endpoint", "url", "state"), rows, as_json=as_json)


@command.command(name="list")
@click.argument("merchant_id")
@click.option(
    "--state", type=click.Choice([each.value for each in DeliveryState]), help="List only deliveries in this state."
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Maximum number of deliveries."
)
@on_vault
@json_option
async def list_deliveries(vault: Vault, *, merchant_id: str, state: str | None, limit: int, as_json: bool) -> None:
    """List the deliveries of a merchant, newest event first."""
    states = [DeliveryState(state)] if state else list(DeliveryState)
    _print(await vault.webhooks.deliveries(MerchantId(merchant_id), states, limit), as_json=as_json)


@command.command()
@click.argument("merchant_id")
@click.argument("event_id")
@click.option("--body", is_flag=True, help="Print the event's body instead. It holds a customer id and a card's PAR.")
@on_vault
@json_option
async def show(vault: Vault, *, merchant_id: str, event_id: str, body: bool, as_json: bool) -> None:
    """Show the deliveries of an event."""
    if body:
        print_document(await vault.webhooks.body_of(MerchantId(merchant_id), event_id))
        return
    _print(await vault.webhooks.deliveries_of(MerchantId(merchant_id), event_id), as_json=as_json)


@command.command()
@click.argument("merchant_id")
@click.argument("event_id")
@click.option("--endpoint", help="Send only to this endpoint. It may be one that the event was not sent to before.")
@on_vault
async def resend(vault: Vault, *, merchant_id: str, event_id: str, endpoint: str | None) -> None:
    """Send an event again, with the same body, to every endpoint that it was sent to."""
    endpoint_ids = await vault.webhooks.resend(MerchantId(merchant_id), event_id, "cli", endpoint)
    print_line(f"{event_id} is sent again to {', '.join(endpoint_ids)}")


def _print(reports: list[DeliveryReport], *, as_json: bool) -> None:
    rows = [_row(report) for report in reports]
    print_rows([report._asdict() for report in reports], _COLUMNS, rows, as_json=as_json)


def _row(report: DeliveryReport) -> tuple[str, ...]:
    outcome = f"{report.outcome} {report.answered or ''}".strip()
    is_pending = report.state is DeliveryState.PENDING
    due = datetime.fromtimestamp(report.due_at // SECOND, UTC).isoformat() if is_pending else ""
    return (
        report.event_id,
        report.event_type,
        report.instrument_id,
        report.endpoint_id,
        report.state.value,
        str(report.attempt_count),
        outcome,
        due,
    )
