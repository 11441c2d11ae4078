"""The command `tokenvault`: one module for each command, imported when it is used.

Results go to standard output, errors with a hint to standard error. Exit codes: 0 done, 1 what was checked is not in
order, 2 the command line is wrong, 3 the configuration or the input is, 4 a store or a key cannot be used, 5
unforeseen, 6 not found.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from tokenvault_contract.problems import Kind
from tokenvault_server import __version__
from tokenvault_server.errors import (
    KeyProviderError,
    KeyUnavailableError,
    SealBrokenError,
    SettingsError,
    StoreError,
    VaultError,
)

_COMMANDS: Final = {
    "emulator": "run a vault for development and tests, ready to use",
    "serve": "run a vault in production",
    "init": "make a new vault: configuration, master key and databases",
    "merchant": "add and list merchants; replace and revoke their secrets",
    "partner": "add, list and link partners; replace and revoke their keys",
    "limits": "give merchants rate limits of their own",
    "webhooks": "say whom merchants want told of saved cards; see and repeat it",
    "cards": "look at saved cards and at the test cards",
    "cryptogram": "verify cryptograms of the built-in token service",
    "audit": "verify the audit trail",
    "copy": "move a vault to another database, of whichever engine",
    "migrate": "bring the databases to this version's schema, or tell what they lack",
    "doctor": "check a vault's configuration and show it",
}

NOT_IN_ORDER: Final = 1
INVALID: Final = 3
UNAVAILABLE: Final = 4
UNFORESEEN: Final = 5
NOT_FOUND: Final = 6


class Commands(click.Group):
    """The commands by name; only the one that is run is imported, so that the emulator starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Give the names, most used first."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"tokenvault_server.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tokenvault")
def tokenvault() -> None:
    """Keep saved cards as network tokens, and speak Cashfree's Token Vault API.

    To try it: tokenvault emulator --seed demo
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default the process's; a failure prints one line and a hint, and sets the exit code."""
    try:
        tokenvault(arguments, standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except VaultError as error:
        fail(error)
    except OSError as error:
        click.echo(f"error: {error.strerror or type(error).__name__}", err=True)
        sys.exit(UNAVAILABLE)
    except Exception as error:  # noqa: BLE001  # a traceback may show values; its places are enough to report it
        click.echo(f"error: unforeseen {type(error).__name__}", err=True)
        click.echo(f"hint: please report it with: {' < '.join(places(error)) or 'no place known'}", err=True)
        sys.exit(UNFORESEEN)


def fail(error: VaultError) -> None:
    """Say what is wrong and what to do next, and exit."""
    click.echo(f"error: {_told(error)}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)
    sys.exit(_exit_code(error))


def places(error: BaseException) -> list[str]:
    """Give where in the code an error came from, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)][:4]


def _told(error: VaultError) -> str:
    """Give an error's message; those that never reach the wire have theirs in their docstring."""
    if error.code == VaultError.code and error.message == VaultError.message:
        return (type(error).__doc__ or error.message).split("\n")[0].rstrip(".")
    return error.message


def _exit_code(error: VaultError) -> int:
    match error:
        case SettingsError() | KeyProviderError():
            return INVALID
        case StoreError() | KeyUnavailableError() | SealBrokenError():
            return UNAVAILABLE
        case _ if error.kind is Kind.NOT_FOUND:
            return NOT_FOUND
        case _ if error.kind is Kind.INTERNAL:
            return UNFORESEEN
        case _:
            return INVALID
