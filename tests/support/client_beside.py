"""Our client in an environment that is not ours: beside an official SDK, as `pip install tokenvault-client` puts it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from tests.repository import tree

NEEDED = ("msgspec", "httptools")
"""What the client needs beside itself, and the SDKs do not bring."""


def environ_with_client(folder: Path) -> dict[str, str]:
    """Gives the variables of a process that can import the client; what it needs is linked into the folder."""
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        assert spec
        assert spec.origin
        (folder / name).symlink_to(Path(spec.origin).parent)
    sources = [folder, *(tree.ROOT / "packages" / name / "src" for name in ("client", "contract"))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
