"""Options, vault access and output that several commands share."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tokenvault_server import settings as settings_module
from tokenvault_server.cli.output import print_line
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import SettingsError, VaultError
from tokenvault_server.settings import CONFIG_FILE, PREFIX, Settings
from tokenvault_server.telemetry.logs import log_errors_of

if TYPE_CHECKING:
    from tokenvault_server.bootstrap import Vault

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])


def vault_options(command: Command) -> Command:
    """Add the options `--config` and `--data`, which choose the vault."""
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Use the vault in the --data directory of an emulator.",
    )
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"The vault's configuration file. Default: ${PREFIX}CONFIG, else {CONFIG_FILE}.",
    )
    return config(data(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def load_settings(config: Path | None, data: Path | None, flags: dict[str, object] | None = None) -> Settings:
    """Return the settings of the vault that the options choose."""
    if data is not None and config is not None:
        raise click.UsageError("--data and --config cannot be used together")
    if data is not None:
        if not (data / "vault.db").exists():
            raise SettingsError("the data directory has no vault", hint="start `tokenvault emulator --data DIR` first")
        return settings_module.for_directory(data)
    return settings_module.load(os.environ, config or settings_module.config_file(os.environ), flags)


@asynccontextmanager
async def opened(settings: Settings, *, initialise: bool = False) -> AsyncIterator[Vault]:
    """Open a vault for one command; with `initialise`, make a new vault in empty databases first.

    At its end, the audit entries that the command wrote are signed, also when it failed after it wrote them.
    """
    from tokenvault_server.bootstrap import open_vault  # not for the commands that only steer an emulator

    vault = await open_vault(settings, SystemClock(), initialise=initialise)
    vault.audit.keep_chains()
    try:
        yield vault
    finally:
        try:
            await vault.audit.sign_appended()
        except VaultError as error:
            print_line(f"warning: audit entries are not signed yet: {error.hint or error.message}", to_stderr=True)
        finally:
            await vault.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""

    async def in_loop() -> T:
        log_errors_of(asyncio.get_running_loop())
        return await work

    return asyncio.run(in_loop())


def on_vault(act: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., None]:
    """Make a click command of a coroutine function that takes an open vault, and add the options that choose it.

    The function's result is the exit code; None is 0. A command that checks its arguments before the vault is opened
    uses `with_vault` instead.
    """

    @functools.wraps(act)
    def command(*, config: Path | None, data: Path | None, **arguments: Any) -> None:  # noqa: ANN401  # whatever arguments the command has
        code = run(with_vault(config, data, lambda vault: act(vault, **arguments)))
        if code:
            sys.exit(code)

    return vault_options(command)


async def with_vault(config: Path | None, data: Path | None, act: Callable[[Vault], Awaitable[T]]) -> T:
    """Open the vault that the options choose, call `act` with it, and close it."""
    async with opened(load_settings(config, data)) as vault:
        return await act(vault)
