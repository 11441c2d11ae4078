"""The newest checkpoint, in a file outside the database: restoring an old database does not restore the file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tokenvault_server import files
from tokenvault_server.errors import StoreError


class Anchor(msgspec.Struct, frozen=True):
    """The number of the newest checkpoint, and its hash in hex."""

    number: int
    hash: str


def write(path: Path, anchor: Anchor) -> None:
    """Replace the anchor durably."""
    files.replace(path, msgspec.json.encode(anchor) + b"\n")


def read(path: Path) -> Anchor | None:
    """Return the anchor, or None when there is none yet.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Anchor)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError("the anchor file cannot be read") from error
