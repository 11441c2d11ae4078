"""The release before this one, as its users have it: unpacked from git."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.repository import tree

RECORDED: Final = "5b20ef20615c3a011bede36ba5f7f560b714c1e4"
"""The revision that counts as the previous release until a commit has a tag."""


def unpack(folder: Path) -> Path:
    """Unpack the newest release that is an ancestor of this revision, or the recorded one; return the folder."""
    revision = _git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^") or RECORDED
    if not _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"):
        # An unpacked archive has no history, and a shallow clone not enough of it.
        complete = _git("rev-parse", "--is-shallow-repository") == "false"
        assert not complete, f"{revision} is not in the history of this clone"
        pytest.skip("the previous release is not here: clone with the whole history (git fetch --unshallow)")
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(tree.ROOT), "archive", "--format=tar", revision], capture_output=True, check=True
    )
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive.stdout, check=True)
    return folder


def _git(*arguments: str) -> str:
    """Return what git prints, or an empty string when it fails or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(tree.ROOT), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
