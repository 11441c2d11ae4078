"""Restores a backup again and again, each time killed one step later; prints what each kill left.

Run with the backup, the file of the recovery key, and the settings as JSON. A child is forked for each restore, so that
only this process imports everything.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from tests.support.builders import settings_in
from tokenvault_server.backups.age import Identity
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.bootstrap.restoring import Restoration
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import VaultError
from tokenvault_server.settings import Settings


def main() -> None:
    backup, key, folder, changes = sys.argv[1:]
    settings = settings_in(Path(folder), **json.loads(changes))
    identity = Path(key).read_text()
    number = 0
    while killed_at := in_child(backup, identity, settings, number):
        show(killed_at, asyncio.run(refusal(settings)))
        number += 1
    show("end", asyncio.run(refusal(settings)))


def show(*values: str) -> None:
    """Print a line of JSON."""
    sys.stdout.write(json.dumps(values) + "\n")


def in_child(backup: str, identity: str, settings: Settings, number: int) -> str:
    """Restore in a child that kills itself at a step; return the name of the step, or "" if it came to the end."""
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        steps: list[str] = []

        def notify(step: str) -> None:
            steps.append(step)
            if len(steps) == number + 1:
                os.write(sending, step.encode())
                os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            asyncio.run(Restoration(Path(backup), Identity(identity), settings, SystemClock()).run(notify=notify))
            code = 0
        finally:
            os._exit(code)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        step = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) if step else status == 0, f"a restore failed after {number} steps"
    return step


async def refusal(settings: Settings) -> str:
    """Return why the stores cannot be served, or "" if they can."""
    try:
        vault = await open_vault(settings, SystemClock())
    except VaultError as error:
        return error.message
    await vault.close()
    return ""


if __name__ == "__main__":
    main()
