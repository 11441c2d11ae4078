"""`tokenvault emulator reset`, `clock`, `faults` and so on: steer an emulator that runs, by its control URL."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import msgspec

from tokenvault_server import files
from tokenvault_server.cli.common import json_option
from tokenvault_server.cli.emulator_common import on_emulator
from tokenvault_server.cli.emulator_faults import cards, faults
from tokenvault_server.cli.emulator_requests import requests, webhooks
from tokenvault_server.cli.output import print_json, print_line, print_rows
from tokenvault_server.emulator.seeds import read_seed
from tokenvault_server.emulator.snapshots import Snapshot
from tokenvault_server.emulator.steering import Steering
from tokenvault_server.errors import SettingsError


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
@json_option
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
@json_option
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


@click.command()
@on_emulator
@json_option
def magic(emulator: Steering, *, as_json: bool) -> None:
    """List the customer ids, holder names and card numbers that make calls fail."""
    values = emulator.magic_values()
    rows = [(each.where, each.value, each.effect, ", ".join(each.operations)) for each in values]
    print_rows(values, ("where", "value", "effect", "operations"), rows, as_json=as_json)


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
