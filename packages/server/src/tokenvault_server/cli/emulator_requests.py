"""`tokenvault emulator requests` and `webhooks`: what came in, and what went out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from tokenvault_server.cli import CHECK_FAILED
from tokenvault_server.cli.common import json_option
from tokenvault_server.cli.emulator_common import on_emulator
from tokenvault_server.cli.output import print_command, print_line, print_rows
from tokenvault_server.emulator.captured_webhooks import CapturedWebhook
from tokenvault_server.emulator.journal import JournalEntry
from tokenvault_server.emulator.steering import Steering

Command = TypeVar("Command", bound=Callable[..., Any])

_OF_REQUESTS: Final = ("id", "at", "method", "path", "operation", "status", "code")
_OF_WEBHOOKS: Final = ("id", "at", "type", "customer", "attempt", "outcome")


@click.group()
def requests() -> None:
    """Find, check, show and repeat calls of the API. The journal is redacted."""


def _filter(command: Command) -> Command:
    for name, help_text in (
        ("request-id", "The x-request-id."),
        ("code", "The code of the error."),
        ("path", "A part of the path."),
        ("instrument", "The saved card."),
        ("customer", "The customer."),
        ("operation", "The operation, such as fetch_cryptogram."),
    ):
        command = click.option(f"--{name}", default="", help=help_text)(command)
    return click.option("--status", type=int, help="The status of the answer.")(command)


@requests.command(name="list")
@_filter
@on_emulator
@json_option
def list_requests(emulator: Steering, *, as_json: bool, **fields: Any) -> None:  # noqa: ANN401  # the filter
    """List the calls, oldest first."""
    found = emulator.requests.find(**fields)
    print_rows(found, _OF_REQUESTS, [_row(entry) for entry in found], as_json=as_json)


@requests.command(name="assert")
@_filter
@click.option("--count", type=int, help="Exactly so many calls.")
@click.option("--at-least", type=int, help="At least so many calls.")
@click.option("--at-most", type=int, help="At most so many calls.")
@on_emulator
def assert_requests(emulator: Steering, **fields: Any) -> None:  # noqa: ANN401  # the filter
    """Exit with 1 unless the journal has as many matching calls; at least one without a number."""
    try:
        print_line(f"{emulator.requests.expect(**fields)} matching calls")
        return
    except AssertionError as failed:
        print_line(f"error: {failed}", to_stderr=True)
    sys.exit(CHECK_FAILED)


@requests.command()
@click.argument("request")
@on_emulator
def replay(emulator: Steering, *, request: str) -> None:
    """Repeat a call with the emulator's own credentials, by its id in the list."""
    replayed = emulator.requests.replay(request)
    print_line(f"{replayed.request.method} {replayed.request.path} {replayed.status}")


@requests.command()
@click.argument("request")
@on_emulator
def curl(emulator: Steering, *, request: str) -> None:
    """Print a call as a command. Credentials are $CASHFREE_CLIENT_ID and $CASHFREE_CLIENT_SECRET."""
    print_command(emulator.requests.curl(request))


@requests.command(name="clear")
@on_emulator
def clear_requests(emulator: Steering) -> None:
    """Empty the journal."""
    emulator.requests.clear()
    print_line("the journal is empty")


@click.group()
def webhooks() -> None:
    """Find, fire and resend webhooks of the ready-made merchant."""


@webhooks.command(name="list")
@click.option("--type", "type_", default="", help="Only events of this type.")
@click.option("--customer", default="", help="Only events of this customer.")
@on_emulator
@json_option
def list_webhooks(emulator: Steering, *, type_: str, customer: str, as_json: bool) -> None:
    """List the attempts to send webhooks, oldest first."""
    found = emulator.webhooks.find(type=type_, customer=customer)
    print_rows(found, _OF_WEBHOOKS, [_webhook_row(each) for each in found], as_json=as_json)


@webhooks.command()
@click.argument("type_", metavar="TYPE")
@click.option("--instrument", default="", help="The saved card that it is about.")
@click.option("--customer", default="", help="The customer, for INSTRUMENT_FAILED_WEBHOOK.")
@on_emulator
def fire(emulator: Steering, *, type_: str, instrument: str, customer: str) -> None:
    """Make an event and send it."""
    print_line(f"{emulator.webhooks.fire(type_, instrument=instrument, customer=customer)} attempts")


@webhooks.command()
@click.argument("webhook")
@on_emulator
def resend(emulator: Steering, *, webhook: str) -> None:
    """Send the same body again, signed anew, by its id in the list."""
    again = emulator.webhooks.resend(webhook)
    print_line(f"{again.type} to {again.url}: {again.outcome}")


@webhooks.command(name="clear")
@on_emulator
def clear_webhooks(emulator: Steering) -> None:
    """Forget all captured webhooks."""
    emulator.webhooks.clear()
    print_line("no webhook is captured")


def _row(entry: JournalEntry) -> tuple[str, ...]:
    target = entry.path + (f"?{entry.query}" if entry.query else "")
    return (entry.id, entry.at, entry.method, target, entry.operation, str(entry.status), entry.code)


def _webhook_row(each: CapturedWebhook) -> tuple[str, ...]:
    return (each.id, each.at, each.type, each.customer_id, str(each.attempt), each.outcome)
