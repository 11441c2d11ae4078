"""Which users may open or replace a vault's files: `doctor` shows it, and `serve` refuses what is wrong."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from tokenvault_server.database.opening import kind_of
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings import Settings


class Access(NamedTuple):
    """The permissions of one file or directory."""

    path: Path
    mode: int
    is_fine: bool
    should_be: int
    """The mode to set where it is not fine."""


def access_of(settings: Settings) -> list[Access]:
    """Return the permissions of every database file that exists, and of their directories.

    Who may write to a directory can replace the files in it. In one with the sticky bit, only their owners can.
    """
    files = [path for url in settings.store_urls for path in kind_of(url).files(url) if path.exists()]
    directories = sorted({path.parent for path in files})
    return [*map(_of_file, files), *map(_of_directory, directories)]


def check_permissions(settings: Settings) -> None:
    """Raise SettingsError for a database that other users may read, write or replace."""
    wrong = next((access for access in access_of(settings) if not access.is_fine), None)
    if wrong:
        raise SettingsError(
            f"{wrong.path} is open to other users: its mode is {wrong.mode:04o}",
            hint=f"chmod {wrong.should_be:o} {wrong.path}",
        )


def _of_file(path: Path) -> Access:
    mode = stat.S_IMODE(path.stat().st_mode)
    return Access(path, mode, is_fine=not mode & 0o077, should_be=0o600)


def _of_directory(path: Path) -> Access:
    mode = stat.S_IMODE(path.stat().st_mode)
    return Access(path, mode, is_fine=bool(mode & stat.S_ISVTX) or not mode & 0o022, should_be=mode & 0o755)
