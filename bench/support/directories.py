"""Directories of the benchmarks: below the repository, on a real disk. /tmp is often memory, where a sync is free."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.support import ROOT


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Yield a directory that is removed at the end."""
    cache = ROOT / ".cache" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    directory = Path(tempfile.mkdtemp(dir=cache))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def sync_seconds(file: Path, times: int) -> list[float]:
    """Return how long the disk takes to make 4 KiB durable at the end of a file."""
    seconds = []
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for _ in range(times):
        os.write(descriptor, bytes(4096))
        began = time.perf_counter()
        os.fdatasync(descriptor)
        seconds.append(time.perf_counter() - began)
    os.close(descriptor)
    return seconds
