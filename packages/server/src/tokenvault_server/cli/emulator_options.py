"""The options of an emulator, for the commands that start one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from tokenvault_server.cli.output import print_call

if TYPE_CHECKING:
    from tokenvault_server.emulator_bootstrap.parts import EmulatorOptions

Command = TypeVar("Command", bound=Callable[..., Any])

LOOPBACK: Final = "127.0.0.1"
_PORT: Final = "The API's port; 0 takes a free one."
_OPTIONS: Final = (
    click.option(
        "--host",
        envvar="TOKENVAULT_HOST",
        default=LOOPBACK,
        show_default=True,
        help="Listen on this address, or $TOKENVAULT_HOST. 0.0.0.0 is for containers. The status page stays local.",
    ),
    click.option("--admin-port", default=0, show_default=True, help="The status page's port; 0 takes a free one."),
    click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Keep everything in this directory. [default: nowhere]",
    ),
    click.option(
        "--seed",
        "seeds",
        multiple=True,
        metavar="demo|NUMBER|FILE",
        help="Begin with a saved demo card, with a seed file, or with a number that makes ids, tokens, keys and times "
        "the same each time. Can be given several times.",
    ),
    click.option(
        "--webhook-url", help="Send the ready merchant's webhook events there, signed with its client secret."
    ),
    click.option("--no-rate-limits", is_flag=True, help="Count no calls, for load tests and benchmarks."),
    click.option("--strict", is_flag=True, help="Reject what Cashfree documents as invalid and this vault accepts."),
    click.option(
        "--tracing",
        is_flag=True,
        envvar="TOKENVAULT_TRACING",
        help="Trace calls with OpenTelemetry, or $TOKENVAULT_TRACING; standard OTEL_ variables say where to.",
    ),
    click.option("--quiet", is_flag=True, help="Print no line for each call."),
    click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="warning",
        show_default=True,
        help="How much is logged on standard error; at info, a JSON line for each call.",
    ),
)


def emulator_options(port: int) -> Callable[[Command], Command]:
    """Return what adds the options of an emulator to a command; `port` is the default of that option."""

    def add(command: Command) -> Command:
        for option in reversed(_OPTIONS):
            command = option(command)
        return click.option("--port", default=port, show_default=True, help=_PORT)(command)

    return add


def options_of(  # noqa: PLR0913  # the options, each with one meaning
    *,
    host: str,
    port: int,
    admin_port: int,
    data: Path | None,
    seeds: tuple[str, ...],
    webhook_url: str | None,
    no_rate_limits: bool,
    strict: bool,
    tracing: bool,
    quiet: bool,
    log_level: Literal["debug", "info", "warning", "error"],
) -> EmulatorOptions:
    """Return what an emulator with these options is like."""
    from tokenvault_server.emulator.call_lines import CallLines
    from tokenvault_server.emulator_bootstrap.parts import EmulatorOptions

    number, files, demo = parse_seeds(seeds)
    in_colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return EmulatorOptions(
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
        tracing=tracing,
        log_level=log_level,
        call_lines=None if quiet else CallLines(print_call, in_colour=in_colour),
    )


def parse_seeds(seeds: tuple[str, ...]) -> tuple[int | None, tuple[Path, ...], bool]:
    """Return the number, the files, and whether the demo card is among them."""
    numbers = [int(seed) for seed in seeds if seed.isascii() and seed.isdigit()]
    if len(numbers) > 1:
        raise click.UsageError("--seed takes one number")
    files = [Path(seed) for seed in seeds if seed != "demo" and not (seed.isascii() and seed.isdigit())]
    if missing := [str(file) for file in files if not file.exists()]:
        raise click.UsageError(f"--seed takes `demo`, a number or a file; there is no file {missing[0]}")
    return (numbers[0] if numbers else None), tuple(files), "demo" in seeds
