"""Our client in another environment beside an official SDK, as `pip install tokenvault-client` installs it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from tests.repository import tree

NEEDED = ("msgspec", "httptools")
"""The dependencies of the client that the SDKs do not install."""


def environ_with_client(folder: Path) -> dict[str, str]:
    """Return the variables of a process that can import the client; link its dependencies into the folder."""
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        assert spec
        assert spec.origin
        (folder / name).symlink_to(Path(spec.origin).parent)
    sources = [folder, *(tree.ROOT / "packages" / name / "src" for name in ("client", "contract"))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
