"""Build the distributions from clean copies: the same files make the same archives, bit for bit.

hatchling orders the files and sets their times and permissions. The time is that of the changelog's heading, so that an
archive of the source needs no git to be built again. Neighbour: `tools/release_check.py`, which compares two builds.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
UNRELEASED: Final = dt.datetime(2020, 2, 2, tzinfo=dt.UTC)
"""The time in archives of a version that has no heading yet; zip has no times before 1980."""
_REVISION: Final = "packages/server/src/tokenvault_server/telemetry/revision.py"
_LEFT_BEHIND: Final = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "dist", "site", "htmlcov")


def build(source: Path, out: Path) -> list[Path]:
    """Build every sdist and wheel of a tree of files into a folder; return their paths, ordered by name.

    Raises:
        CalledProcessError: A package cannot be built.
    """
    out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(int(released_at(source).timestamp()))}
    for package in packages(source):
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
        subprocess.run(command, cwd=package, env=environment, check=True, capture_output=True)
    return sorted([*out.glob("*.whl"), *out.glob("*.tar.gz")])


def copy(folder: Path) -> Path:
    """Copy the files that a clone has, or an unpacked archive; return the folder.

    The copy of a clone holds its revision, as an archive of git's does (.gitattributes): both build the same.
    """
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT, folder, ignore=_LEFT_BEHIND, dirs_exist_ok=True)
        return folder
    for name in filter(None, _git("ls-files", "-z").split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    archived = folder / _REVISION
    archived.write_text(archived.read_text().replace("$Format:%H$", _git("rev-parse", "HEAD").strip()))
    return folder


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["/usr/bin/env", "git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def packages(source: Path = ROOT) -> list[Path]:
    """Return the folders of the packages, ordered by name."""
    return sorted(path.parent for path in source.glob("packages/*/pyproject.toml"))


def project(package: Path) -> dict[str, Any]:
    """Return the `[project]` table of a package."""
    table: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    return table


def version(source: Path = ROOT) -> str:
    """Return the version that all packages carry."""
    (carried,) = {str(project(package)["version"]) for package in packages(source)}
    return carried


def released_at(source: Path = ROOT) -> dt.datetime:
    """Return midnight, UTC, of the date that the changelog gives to the version, or `UNRELEASED`.

    Raises:
        ValueError: The heading has no date.
    """
    heading = re.search(
        rf"^## {re.escape(version(source))}\b(.*)$", (source / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    if not heading:
        return UNRELEASED
    return dt.datetime.fromisoformat(heading[1].removeprefix(" - ")).replace(tzinfo=dt.UTC)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
