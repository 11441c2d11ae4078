"""What the commands that steer an emulator share: how they reach it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from tokenvault_server.emulator.announcement import CONTROL_URL
from tokenvault_server.emulator.control_client import steer


def on_emulator(act: Callable[..., None]) -> Callable[..., None]:
    """Make a click command of a function that takes the verbs of an emulator, and add the option that names it."""

    @functools.wraps(act)
    def command(*, control_url: str | None, **arguments: Any) -> None:  # noqa: ANN401  # whatever arguments the command has
        if not control_url:
            raise click.UsageError(f"set {CONTROL_URL}, or give --control-url: `tokenvault emulator --json` prints it")
        act(steer(control_url), **arguments)

    return click.option(
        "--control-url",
        envvar=CONTROL_URL,
        metavar="URL",
        help=f"The emulator's control_url, or ${CONTROL_URL}. It holds a secret: other users see options of commands.",
    )(command)
