"""`tokenvault emulator`: a vault for development and tests that starts fast and, by default, leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from tokenvault_server.cli.common import json_option
from tokenvault_server.process_memory import protect_memory

if TYPE_CHECKING:
    from tokenvault_server.bootstrap.emulator import RunningEmulator
    from tokenvault_server.bootstrap.emulator_parts import EmulatorOptions

_LOOPBACK: Final = "127.0.0.1"
_STEERING: Final = {
    "reset": "go back to the state at the start, after the seed",
    "snapshot": "save the whole state in a file",
    "restore": "go back to the state of a snapshot",
    "seed": "save the customers and cards of a seed file",
    "clock": "read, set, move and stop the clock",
    "faults": "have calls and webhooks fail",
    "cards": "suspend, resume, expire, deactivate and reissue saved cards",
    "requests": "find, check, show and repeat calls",
    "webhooks": "find, fire and resend webhooks",
    "magic": "list the values that make calls fail",
}


class Steering(click.Group):
    """The commands that steer a running emulator. They are imported when one of them runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names."""
        return list(_STEERING)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import a command."""
        if cmd_name not in _STEERING:
            return None
        from tokenvault_server.cli.emulator_steering import COMMANDS

        return COMMANDS[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands, for an emulator that runs"):
            formatter.write_dl(list(_STEERING.items()))


@click.command(cls=Steering, invoke_without_command=True)
@click.option(
    "--host",
    envvar="TOKENVAULT_HOST",
    default=_LOOPBACK,
    show_default=True,
    help="Listen on this address, or $TOKENVAULT_HOST. 0.0.0.0 is for containers. The status page stays local.",
)
@click.option("--port", default=8480, show_default=True, help="The API's port; 0 takes a free one.")
@click.option("--admin-port", default=0, show_default=True, help="The status page's port; 0 takes a free one.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything in this directory. [default: nowhere]",
)
@json_option
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    metavar="demo|NUMBER|FILE",
    help="Begin with a saved demo card, with a seed file, or with a number that makes ids, tokens, keys and times the "
    "same each time. Can be given several times.",
)
@click.option("--webhook-url", help="Send the ready merchant's webhook events there, signed with its client secret.")
@click.option("--no-rate-limits", is_flag=True, help="Count no calls, for load tests and benchmarks.")
@click.option("--strict", is_flag=True, help="Reject what Cashfree documents as invalid and this vault accepts.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="How much is logged on standard error; at info, a line for each call.",
)
@click.pass_context
def command(  # noqa: PLR0913  # the options, each with one meaning
    context: click.Context,
    *,
    host: str,
    port: int,
    admin_port: int,
    data: Path | None,
    as_json: bool,
    seeds: tuple[str, ...],
    webhook_url: str | None,
    no_rate_limits: bool,
    strict: bool,
    log_level: Literal["debug", "info", "warning", "error"],
) -> None:
    """Run a vault for development and tests; its commands steer one that runs.

    It has a ready merchant and takes Cashfree's published sandbox cards. Without --data it keeps everything in memory
    and forgets it at the end. With --json it prints one line as soon as it answers: base_url, client_id,
    client_secret, partner_api_key, partner_merchant_id, webhook_secret, console_url, control_url.
    """
    if context.invoked_subcommand:
        return
    from tokenvault_server.bootstrap.emulator_parts import EmulatorOptions

    number, files, demo = parse_seeds(seeds)
    options = EmulatorOptions(
        host=host,
        port=port,
        admin_port=admin_port,
        number=number,
        seed_files=files,
        demo=demo,
        rate_limits=not no_rate_limits,
        webhook_url=webhook_url,
        capture_webhooks=data is None,
        strict=strict,
        log_level=log_level,
    )
    run_emulator(options, data, as_json=as_json)


def parse_seeds(seeds: tuple[str, ...]) -> tuple[int | None, tuple[Path, ...], bool]:
    """Return the number, the files, and whether the demo card is among them."""
    numbers = [int(seed) for seed in seeds if seed.isascii() and seed.isdigit()]
    if len(numbers) > 1:
        raise click.UsageError("--seed takes one number")
    files = [Path(seed) for seed in seeds if seed != "demo" and not (seed.isascii() and seed.isdigit())]
    if missing := [str(file) for file in files if not file.exists()]:
        raise click.UsageError(f"--seed takes `demo`, a number or a file; there is no file {missing[0]}")
    return (numbers[0] if numbers else None), tuple(files), "demo" in seeds


def run_emulator(options: EmulatorOptions, data: Path | None, *, as_json: bool) -> None:
    """Run until SIGINT or SIGTERM."""
    from tokenvault_server.bootstrap.emulator import run_in_loop
    from tokenvault_server.emulator.private_directory import private_directory

    protect_memory()
    with ExitStack() as cleanup:
        directory = data or cleanup.enter_context(private_directory())
        run_in_loop(_run(options, directory, as_json=as_json))


async def _run(options: EmulatorOptions, directory: Path, *, as_json: bool) -> None:
    from tokenvault_server.bootstrap.emulator import open_emulator
    from tokenvault_server.telemetry.logs import log_errors_of, start_logging

    start_logging(options.log_level)
    log_errors_of(asyncio.get_running_loop())
    async with open_emulator(options, directory) as emulator:
        await emulator.serve(_announcer(emulator, as_json=as_json))


def _announcer(emulator: RunningEmulator, *, as_json: bool) -> Callable[[], None]:
    from tokenvault_server.emulator import announcement as texts

    text = texts.as_json(emulator.announcement) if as_json else texts.as_text(emulator.announcement, emulator.demo)
    return partial(print, text, flush=True)
