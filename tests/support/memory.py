"""The folder of tests in memory: most of them write little and wait for the disk, and nothing has to outlive them."""

from __future__ import annotations

import os
import shutil
from typing import Final

_SHARED: Final = "/dev/shm"  # tests make folders of their own in it
_NEEDED: Final = 4 * 2**30
"""Bytes; a clean clone with all that it installs takes a quarter of it."""


def folder_in_memory() -> str | None:
    """Return a folder in memory with space for all tests; containers often have one that is too small."""
    has_space = os.access(_SHARED, os.W_OK) and shutil.disk_usage(_SHARED).free >= _NEEDED
    return _SHARED if has_space else None
