"""`tokenvault emulator reset`, `clock`, `faults` and so on: steer an emulator that runs, by its control URL."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from tokenvault_server import files
from tokenvault_server.cli.output import print_json, print_line, print_rows
from tokenvault_server.emulator.announcement import CONTROL_URL
from tokenvault_server.emulator.captured_webhooks import CapturedWebhook
from tokenvault_server.emulator.cards import ACTIONS
from tokenvault_server.emulator.control_client import steer
from tokenvault_server.emulator.journal import JournalEntry
from tokenvault_server.emulator.seeds import read_seed
from tokenvault_server.emulator.snapshots import Snapshot
from tokenvault_server.emulator.steering import Steering
from tokenvault_server.errors import SettingsError

Command = TypeVar("Command", bound=Callable[..., Any])

_OF_CARDS: Final = ("instrument", "customer", "card", "network", "status")
_OF_REQUESTS: Final = ("id", "at", "method", "path", "operation", "status", "code")
_OF_WEBHOOKS: Final = ("id", "at", "type", "customer", "attempt", "outcome")
_OF_FAULTS: Final = ("id", "match", "then", "matched", "applied")


def on_emulator(act: Callable[..., None]) -> Callable[..., None]:
    """Make a click command of a function that takes the verbs of an emulator, and add the option that names it."""

    @functools.wraps(act)
    def command(*, control_url: str, **arguments: Any) -> None:  # noqa: ANN401  # whatever arguments the command has
        act(steer(control_url), **arguments)

    return click.option(
        "--control-url",
        envvar=CONTROL_URL,
        required=True,
        metavar="URL",
        help=f"The emulator's control_url, or ${CONTROL_URL}. It holds a secret: other users see options of commands.",
    )(command)


def _json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


@click.command()
@on_emulator
def reset(emulator: Steering) -> None:
    """Go back to the state at the start, after the seed."""
    emulator.reset()
    print_line("the emulator is as it was at its start")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@on_emulator
def snapshot(emulator: Steering, *, file: Path) -> None:
    """Save the whole state in a file: databases, clock and faults. It opens where the master key is the same."""
    files.replace(file, msgspec.json.encode(emulator.snapshot()))
    print_line(f"{file} has the state")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@on_emulator
def restore(emulator: Steering, *, file: Path) -> None:
    """Go back to the state of a snapshot."""
    try:
        taken = msgspec.json.decode(file.read_bytes(), type=Snapshot)
    except msgspec.MsgspecError:
        raise SettingsError("the file is no snapshot", hint="`tokenvault emulator snapshot FILE` makes one") from None
    emulator.restore(taken)
    print_line(f"the emulator has the state of {file}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@on_emulator
@_json
def seed(emulator: Steering, *, file: Path, as_json: bool) -> None:
    """Save the customers and cards of a seed file, JSON or YAML."""
    seeded = emulator.seed(read_seed(file))
    if as_json:
        print_json(seeded)
        return
    print_line(f"{len(seeded.cards)} cards, {len(seeded.webhook_endpoints)} endpoints, {len(seeded.faults)} faults")


@click.group()
def clock() -> None:
    """Read, set, move and stop the clock. Expiry, rate limits, retries and periodic tasks follow it."""


@clock.command()
@on_emulator
@_json
def show(emulator: Steering, *, as_json: bool) -> None:
    """Print the time."""
    state = emulator.clock.read()
    if as_json:
        print_json(state)
        return
    print_line(f"{state.now}{' frozen' if state.frozen else ''}")


@clock.command(name="set")
@click.argument("at")
@on_emulator
def set_clock(emulator: Steering, *, at: str) -> None:
    """Show a time, such as 2026-12-24T18:00:00+05:30."""
    print_line(emulator.clock.set(at).now)


@clock.command()
@click.option("--seconds", default=0.0, help="Seconds to move.")
@click.option("--minutes", default=0.0, help="Minutes to move.")
@click.option("--hours", default=0.0, help="Hours to move.")
@click.option("--days", default=0.0, help="Days to move.")
@on_emulator
def advance(emulator: Steering, *, seconds: float, minutes: float, hours: float, days: float) -> None:
    """Move forward. Webhook retries on the way are sent at their times."""
    print_line(emulator.clock.advance(seconds=seconds, minutes=minutes, hours=hours, days=days).now)


@clock.command()
@click.argument("at", default="")
@on_emulator
def freeze(emulator: Steering, *, at: str) -> None:
    """Stand still, at a time or at the present one."""
    print_line(f"{emulator.clock.freeze(at).now} frozen")


@clock.command(name="resume")
@on_emulator
def resume_clock(emulator: Steering) -> None:
    """Run on."""
    print_line(emulator.clock.resume().now)


@click.group()
def faults() -> None:
    """Have calls and webhooks fail, be slow, or come in another order."""


@faults.command(name="list")
@on_emulator
@_json
def list_faults(emulator: Steering, *, as_json: bool) -> None:
    """List the fault rules, and how often each matched and was applied."""
    states = emulator.faults.list()
    rows = [
        (
            state.rule.id,
            msgspec.json.encode(state.rule.match).decode(),
            msgspec.json.encode(state.rule.then).decode(),
            str(state.matched),
            str(state.applied),
        )
        for state in states
    ]
    print_rows(states, _OF_FAULTS, rows, as_json=as_json)


@faults.command(name="add")
@click.option("--operation", default="", help="Only calls of this operation, such as fetch_cryptogram.")
@click.option("--customer", default="", help="Only calls and webhooks of this customer.")
@click.option("--event", default="", help="Only webhooks of this type.")
@click.option("--nth", type=int, help="Only the n-th matching call.")
@click.option("--probability", default=1.0, show_default=True, help="How likely a matching call is hit.")
@click.option("--fault-seed", "seed_", default=0, help="Decides the draws of the probability.")
@click.option("--times", type=int, help="How often the rule is applied at most.")
@click.option("--delay-ms", default=0, help="Wait before anything else.")
@click.option("--status", type=int, help="Answer this status; the call is not carried out.")
@click.option("--code", default="", help="Answer this code with it.")
@click.option("--message", default="", help="Answer this message with it.")
@click.option(
    "--connection", type=click.Choice(["reset", "truncate", "slow"]), default=None, help="Break or slow the answer."
)
@click.option("--tsp", type=click.Choice(["down", "slow"]), default=None, help="Fail the token service, or slow it.")
@click.option(
    "--webhook", type=click.Choice(["drop", "duplicate", "late", "reorder"]), default=None, help="Disturb webhooks."
)
@click.option("--seconds", default=5.0, show_default=True, help="How long slow and late take.")
@on_emulator
def add_fault(emulator: Steering, *, seed_: int, **fields: Any) -> None:  # noqa: ANN401  # the options
    """Add a fault rule and print its id."""
    chosen = {name: value for name, value in fields.items() if value is not None}
    print_line(emulator.faults.add(**chosen, seed=seed_).id)


@faults.command(name="remove")
@click.argument("fault")
@on_emulator
def remove_fault(emulator: Steering, *, fault: str) -> None:
    """Delete a fault rule."""
    emulator.faults.remove(fault)
    print_line(f"{fault} is removed")


@faults.command(name="clear")
@on_emulator
def clear_faults(emulator: Steering) -> None:
    """Delete all fault rules."""
    emulator.faults.clear()
    print_line("there are no fault rules")


@click.group()
def cards() -> None:
    """Do to saved cards what their banks do."""


@cards.command(name="list")
@click.option("--customer", default="", help="Only the cards of this customer.")
@on_emulator
@_json
def list_cards(emulator: Steering, *, customer: str, as_json: bool) -> None:
    """List the saved cards."""
    found = emulator.cards.list(customer)
    rows = [(each.instrument_id, each.customer_id, f"**** {each.last4}", each.network, each.status) for each in found]
    print_rows(found, _OF_CARDS, rows, as_json=as_json)


def _action(name: str, help_text: str) -> None:
    @cards.command(name=name, help=help_text)
    @click.argument("instrument")
    @on_emulator
    def act(emulator: Steering, *, instrument: str) -> None:
        card = getattr(emulator.cards, name)(instrument)
        print_line(f"{card.instrument_id} **** {card.last4} is {card.status}")


_HELP: Final = {
    "suspend": "Have the bank suspend a saved card: it is INACTIVE, and its merchant is told.",
    "resume": "Have the bank end its suspension.",
    "expire": "Have the token of a saved card expire now.",
    "deactivate": "Have the bank end the token for ever: the saved card is deleted.",
}
for _name in ACTIONS:
    if _name in _HELP:
        _action(_name, _HELP[_name])


@cards.command()
@click.argument("instrument")
@click.option("--last4", default="", help="The new last four digits; any others without it.")
@on_emulator
def reissue(emulator: Steering, *, instrument: str, last4: str) -> None:
    """Have the bank replace the card by one with other last four digits. The token stays."""
    card = emulator.cards.reissue(instrument, last4)
    print_line(f"{card.instrument_id} **** {card.last4} is {card.status}")


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
@_json
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
    except AssertionError as failed:
        print_line(f"error: {failed}", to_stderr=True)
        raise click.exceptions.Exit(1) from None


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
    for line in emulator.requests.curl(request).splitlines():
        print_line(line)


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
@_json
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


@click.command()
@on_emulator
@_json
def magic(emulator: Steering, *, as_json: bool) -> None:
    """List the customer ids, holder names and card numbers that make calls fail."""
    values = emulator.magic_values()
    rows = [(each.where, each.value, each.effect, ", ".join(each.operations)) for each in values]
    print_rows(values, ("where", "value", "effect", "operations"), rows, as_json=as_json)


def _row(entry: JournalEntry) -> tuple[str, ...]:
    target = entry.path + (f"?{entry.query}" if entry.query else "")
    return (entry.id, entry.at, entry.method, target, entry.operation, str(entry.status), entry.code)


def _webhook_row(each: CapturedWebhook) -> tuple[str, ...]:
    return (each.id, each.at, each.type, each.customer_id, str(each.attempt), each.outcome)


COMMANDS: Final[dict[str, click.Command]] = {
    "reset": reset,
    "snapshot": snapshot,
    "restore": restore,
    "seed": seed,
    "clock": clock,
    "faults": faults,
    "cards": cards,
    "requests": requests,
    "webhooks": webhooks,
    "magic": magic,
}
