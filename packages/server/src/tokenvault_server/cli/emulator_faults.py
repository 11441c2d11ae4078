"""`tokenvault emulator faults` and `cards`: what goes wrong, and what banks do to saved cards."""

from __future__ import annotations

from typing import Any, Final

import click
import msgspec

from tokenvault_server.cli.common import json_option
from tokenvault_server.cli.emulator_common import on_emulator
from tokenvault_server.cli.output import print_line, print_rows
from tokenvault_server.emulator.cards import ACTIONS
from tokenvault_server.emulator.steering import Steering

_OF_CARDS: Final = ("instrument", "customer", "card", "network", "status")
_OF_FAULTS: Final = ("id", "match", "then", "matched", "applied")


@click.group()
def faults() -> None:
    """Have calls and webhooks fail, be slow, or come in another order."""


@faults.command(name="list")
@on_emulator
@json_option
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
@click.option("--probability", type=float, help="How likely a matching call is hit, from 0 to 1; always without it.")
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
@click.option("--seconds", type=float, help="How long slow and late take; 5 without it.")
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
@json_option
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
