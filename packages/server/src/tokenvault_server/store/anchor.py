"""The newest checkpoint, kept outside the database: who rolls the database back does not roll this back with it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tokenvault_server import files
from tokenvault_server.errors import StoreError


class Anchor(msgspec.Struct, frozen=True):
    """Which checkpoint was the newest, and its hash in hex."""

    number: int
    hash: str


def write(path: Path, anchor: Anchor) -> None:
    """Replace the anchor durably."""
    files.replace(path, msgspec.json.encode(anchor) + b"\n")


def read(path: Path) -> Anchor | None:
    """Give the anchor, None when there is none yet, StoreError when it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Anchor)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError("the anchor file cannot be read") from error
