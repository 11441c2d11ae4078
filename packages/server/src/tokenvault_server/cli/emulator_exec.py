"""`tokenvault emulator exec -- COMMAND`: an emulator for as long as a command runs, such as a test suite."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from tokenvault_server.cli.emulator_options import emulator_options, options_of
from tokenvault_server.cli.output import print_line

if TYPE_CHECKING:
    from tokenvault_server.emulator_bootstrap.parts import EmulatorOptions
    from tokenvault_server.emulator_bootstrap.running import RunningEmulator

_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
"""As shells say it (POSIX, 2.8.2), and 128 plus its number for a signal."""
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


@click.command(name="exec", context_settings={"allow_interspersed_args": False})
@emulator_options(port=0)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@click.pass_context
def exec_command(context: click.Context, /, *, words: tuple[str, ...], **_: Any) -> None:  # noqa: ANN401  # the options
    """Start an emulator, run a command, stop the emulator, and exit with the command's exit code.

    The command finds the emulator in its environment: CASHFREE_BASE_URL, CASHFREE_CLIENT_ID, CASHFREE_CLIENT_SECRET,
    CASHFREE_WEBHOOK_SECRET and TOKENVAULT_CONTROL_URL. Variables that name another host or caller are taken out.
    Signals are passed on to the command. Options may also stand before `exec`.
    """
    from tokenvault_server.emulator.private_directory import private_directory
    from tokenvault_server.emulator_bootstrap.running import run_in_loop

    # This process's memory is not protected as that of other emulators: the command would inherit the limit.
    chosen = _chosen(context)
    options, data = options_of(**chosen), chosen["data"]
    codes: list[int] = []
    with ExitStack() as cleanup:
        directory: Path = data or cleanup.enter_context(private_directory())
        run_in_loop(_run(options, directory, words, codes))
    sys.exit(codes[0])


def _chosen(context: click.Context) -> dict[str, Any]:
    """Return the options from after `exec`, else from before it, else their defaults."""
    chosen = {name: value for name, value in context.params.items() if name != "words"}
    for each in filter(None, (context.parent, context)):
        given = {name for name in each.params if each.get_parameter_source(name) is not ParameterSource.DEFAULT}
        chosen |= {name: each.params[name] for name in given & chosen.keys()}
    return chosen


async def _run(options: EmulatorOptions, directory: Path, words: tuple[str, ...], codes: list[int]) -> None:
    """Serve until the command has ended; append its exit code to `codes`."""
    from tokenvault_server.emulator_bootstrap.running import open_emulator
    from tokenvault_server.telemetry.logs import log_errors_of, start_logging

    start_logging(options.log_level)
    log_errors_of(asyncio.get_running_loop())
    async with open_emulator(options, directory) as emulator:
        ready, stopped = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(emulator.serve(ready.set, stopped))
        answers = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait({serving, answers}, return_when=asyncio.FIRST_COMPLETED)
            if answers.done():
                codes.append(await _exit_code(emulator, words))
        finally:
            answers.cancel()
            stopped.set()
            await serving


async def _exit_code(emulator: RunningEmulator, words: tuple[str, ...]) -> int:
    """Run the command and return its exit code, as a shell would."""
    from tokenvault_server.emulator.announcement import environment

    try:
        process = await asyncio.create_subprocess_exec(*words, env=environment(emulator.announcement, os.environ))
    except FileNotFoundError:
        print_line(f"error: there is no command {words[0]}", to_stderr=True)
        return _NOT_FOUND
    except OSError as error:
        print_line(f"error: {words[0]} cannot be run: {error.strerror}", to_stderr=True)
        return _NOT_EXECUTABLE
    loop = asyncio.get_running_loop()
    for number in _PASSED_ON:
        loop.add_signal_handler(number, _pass_on, process, number)
    code = await process.wait()
    return code if code >= 0 else 128 - code


def _pass_on(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to the command, unless it had it from the terminal too."""
    if number in {signal.SIGINT, signal.SIGQUIT} and _is_in_foreground():
        return
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _is_in_foreground() -> bool:
    """Return whether keys of the terminal reach this process, and so the command, which is in the same group."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
