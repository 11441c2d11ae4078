"""Runs PostgreSQL's own programs. A password goes to them in their environment, never on a command line."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tokenvault_server.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from tokenvault_server.domain.secret import Secret

_INSTALL: Final = "install PostgreSQL's client programs, of the server's version or newer; Debian: postgresql-client"
_CONNECT_SECONDS: Final = "10"
_OURS: Final = "TOKENVAULT_"


async def check_version(name: str, server: int) -> None:
    """Check that a program can read a server of this major version.

    Raises:
        SettingsError: the program is not installed, or is older than the server.
    """
    _, printed = await _finished(name, ("--version",), None)
    found = re.search(r"(\d+)", printed)
    if found is None or int(found[1]) < server:
        version = found[1] if found else "unknown"
        raise SettingsError(f"{name} is of version {version} and the server of version {server}", hint=_INSTALL)


async def run(name: str, arguments: Sequence[str], password: Secret[str] | None) -> None:
    """Run a program to its end.

    Raises:
        SettingsError: it is not installed.
        StoreError: it failed.
    """
    code, printed = await _finished(name, arguments, password)
    if code:
        raise StoreError(f"{name} failed", hint=_reason(printed))


async def _finished(name: str, arguments: Sequence[str], password: Secret[str] | None) -> tuple[int, str]:
    """Return the exit code and everything that was printed."""
    program = shutil.which(name)
    if program is None:
        raise SettingsError(f"`{name}` is not installed", hint=_INSTALL)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    environment |= {"LC_ALL": "C", "PGCONNECT_TIMEOUT": _CONNECT_SECONDS}
    # A dump needs the server whose snapshot it uses, and a standby takes no restore.
    environment.setdefault("PGTARGETSESSIONATTRS", "read-write")
    if password is not None:
        environment["PGPASSWORD"] = password.reveal()
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    return process.returncode or 0, printed.decode(errors="replace")


def _reason(printed: str) -> str:
    """Return the first error. The lines below it are left out, because they may quote a row."""
    lines = printed.splitlines()
    first = next((line for line in lines if "error:" in line), lines[0] if lines else "it printed nothing")
    return first.strip()[:300]
