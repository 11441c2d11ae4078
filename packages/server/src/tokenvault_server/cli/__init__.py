"""The command `tokenvault`: one module for each command, imported when it is used.

Results go to standard output; errors, with a hint, go to standard error. Exit codes: 0 done, 1 a check failed, 2 the
command line is wrong, 3 the configuration or the input is wrong, 4 a database or a key cannot be used, 5 unexpected
error, 6 not found.
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
from tokenvault_server.cli.groups import LazyGroup
from tokenvault_server.cli.output import print_line, print_usage_error
from tokenvault_server.errors import (
    KeyProviderError,
    KeyUnavailableError,
    SealBrokenError,
    SettingsError,
    StoreError,
    VaultError,
)
from tokenvault_server.telemetry.revision import with_revision

_COMMANDS: Final = {
    "emulator": "run a vault for development and tests",
    "serve": "run a vault in production",
    "init": "create a new vault: configuration, master key and databases",
    "merchant": "manage merchants, their states and their secrets",
    "partner": "manage partners, their states, links and keys",
    "limits": "set rate limits for single merchants",
    "webhooks": "manage webhook endpoints and their deliveries",
    "listen": "pass the webhooks of an emulator on to a URL",
    "cards": "list saved cards and test cards",
    "cryptogram": "verify cryptograms of the built-in token service",
    "audit": "verify the audit trail; show or renew its anchor",
    "recovery-key": "make the key pair that opens backups",
    "backup": "back up a vault while it serves, into one encrypted file",
    "restore": "restore a vault from a backup, or check a backup",
    "copy": "copy a vault to another database, also of another engine",
    "migrate": "update the databases to this version's schema, or list what is missing",
    "openapi": "print the OpenAPI document of the API",
    "doctor": "check a vault and show its configuration",
}

CHECK_FAILED: Final = 1
INVALID: Final = 3
UNAVAILABLE: Final = 4
UNEXPECTED: Final = 5
NOT_FOUND: Final = 6


class Commands(LazyGroup):
    """The commands by name. Only the command that runs is imported, so that the emulator starts quickly."""

    descriptions = _COMMANDS

    def load(self, name: str) -> click.Command:
        """Import a command."""
        command: click.Command = importlib.import_module(f"tokenvault_server.cli.{name.replace('-', '_')}").command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(with_revision(__version__), prog_name="tokenvault")
def tokenvault() -> None:
    """Save cards as network tokens, behind an API that is compatible with Cashfree's Token Vault.

    To try it: tokenvault emulator --seed demo
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default with the arguments of the process.

    Every failure ends with one line, a hint if there is one, and a defined exit code.
    """
    # Outside of every `except`, so that the exit does not lead to the error and the variables of its frames.
    if code := _run(arguments):
        sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int | str | None:
    """Run the command line, print what went wrong, and return the exit code."""
    code: int | str | None = 0
    try:
        tokenvault(arguments, standalone_mode=False)
    except SystemExit as done:
        code = done.code
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as wrong:
        print_usage_error(wrong)
        code = wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except VaultError as error:
        code = fail(error)
    except OSError as error:
        print_line(f"error: {_of_system(error)}", to_stderr=True)
        code = UNAVAILABLE
    except Exception as error:  # noqa: BLE001  # a traceback may show values; file names and lines are enough for a report
        where = " < ".join(source_lines(error)) or "no source line"
        print_line(f"error: unexpected {type(error).__name__}", to_stderr=True)
        print_line(f"hint: please report it with: {where}", to_stderr=True)
        code = UNEXPECTED
    return code


def fail(error: VaultError) -> int:
    """Print the error and its hint, and return the exit code."""
    print_line(f"error: {_message_of(error)}", to_stderr=True)
    if error.hint:
        print_line(f"hint: {error.hint}", to_stderr=True)
    return _exit_code(error)


def source_lines(error: BaseException) -> list[str]:
    """Return the up to four innermost source lines of an error, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)][:4]


def _of_system(error: OSError) -> str:
    """Return what the system says, and about which file."""
    said = error.strerror or type(error).__name__
    return f"{said}: {error.filename}" if isinstance(error.filename, str) else said


def _message_of(error: VaultError) -> str:
    """Return the message of an error. Errors without one of their own are described by their docstring."""
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
            return UNEXPECTED
        case _:
            return INVALID
