"""`tokenvault emulator`: a vault for development and tests that starts fast and, by default, leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tokenvault_server.cli.common import json_option
from tokenvault_server.cli.emulator_options import emulator_options, options_of
from tokenvault_server.cli.groups import LazyGroup
from tokenvault_server.process_memory import protect_memory

if TYPE_CHECKING:
    from tokenvault_server.emulator_bootstrap.parts import EmulatorOptions
    from tokenvault_server.emulator_bootstrap.running import RunningEmulator

_STEERING: Final = {
    "exec": "start an emulator, run a command with its address and credentials, stop it",
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


class Steering(LazyGroup):
    """The commands around an emulator. They are imported when one of them runs."""

    descriptions = _STEERING
    heading = "Commands; all but exec are for an emulator that runs"

    def load(self, name: str) -> click.Command:
        """Import the commands."""
        if name == "exec":
            from tokenvault_server.cli.emulator_exec import exec_command

            return exec_command
        from tokenvault_server.cli.emulator_steering import COMMANDS

        return COMMANDS[name]


@click.command(cls=Steering, invoke_without_command=True)
@emulator_options(port=8480)
@json_option
@click.pass_context
def command(context: click.Context, /, *, data: Path | None, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401  # the options
    """Run a vault for development and tests; its commands steer one that runs.

    It has a ready merchant and takes Cashfree's published sandbox cards. Without --data it keeps everything in memory
    and forgets it at the end. With --json it prints one line as soon as it answers: base_url, client_id,
    client_secret, partner_api_key, partner_merchant_id, webhook_secret, console_url, control_url. Each call is a line
    on standard error, unless --quiet says otherwise.
    """
    if not context.invoked_subcommand:
        run_emulator(options_of(data=data, **chosen), data, as_json=as_json)


def run_emulator(options: EmulatorOptions, data: Path | None, *, as_json: bool) -> None:
    """Run until SIGINT or SIGTERM."""
    from tokenvault_server.emulator.private_directory import private_directory
    from tokenvault_server.emulator_bootstrap.running import run_in_loop

    protect_memory()
    with ExitStack() as cleanup:
        directory = data or cleanup.enter_context(private_directory())
        run_in_loop(_run(options, directory, as_json=as_json))


async def _run(options: EmulatorOptions, directory: Path, *, as_json: bool) -> None:
    from tokenvault_server.emulator_bootstrap.running import open_emulator
    from tokenvault_server.telemetry.logs import log_errors_of, start_logging

    start_logging(options.log_level)
    log_errors_of(asyncio.get_running_loop())
    async with open_emulator(options, directory) as emulator:
        await emulator.serve(_announcer(emulator, as_json=as_json))


def _announcer(emulator: RunningEmulator, *, as_json: bool) -> Callable[[], None]:
    from tokenvault_server.emulator import announcement as texts

    text = texts.as_json(emulator.announcement) if as_json else texts.as_text(emulator.announcement, emulator.demo)
    return partial(print, text, flush=True)
