"""Where a bench keeps its files: below the repository, on a real disk. /tmp is often memory, where syncing is free."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.support import ROOT


@contextmanager
def workplace() -> Iterator[Path]:
    """A directory that is gone at the end."""
    cache = ROOT / ".cache" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    directory = Path(tempfile.mkdtemp(dir=cache))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
