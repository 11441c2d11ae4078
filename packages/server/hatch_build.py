"""Writes the revision of the source into each distribution, for `tokenvault --version`."""  # noqa: INP001  # no package

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FILES = {"wheel": "tokenvault_server/revision.txt", "sdist": "src/tokenvault_server/revision.txt"}


class RevisionHook(BuildHookInterface[Any]):
    """Adds `revision.txt` where the source is a clone; a wheel that is built from an sdist has the sdist's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, except to an editable installation, whose source changes."""
        clone = Path(self.root).parents[1]
        if version == "editable" or not (clone / ".git").exists():
            return
        git = ["git", "-C", str(clone), "rev-parse", "HEAD"]
        try:
            done = subprocess.run(git, capture_output=True, text=True, check=True)  # noqa: S603  # no input
        except (OSError, subprocess.CalledProcessError):
            return  # no git, or a clone that it does not trust: the revision is not known
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "revision.txt"
        file.write_text(done.stdout.strip() + "\n", encoding="ascii")
        build_data["force_include"][str(file)] = _FILES[self.target_name]
