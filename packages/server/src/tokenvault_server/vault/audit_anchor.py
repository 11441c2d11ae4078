"""The anchor: a file outside the database that names the newest checkpoint.

An older copy of the database is consistent in itself, and only the anchor shows that it is older. So the vault creates
the file once, at its initialisation, and from then on only moves it forward. A file that is missing later, or that
names a checkpoint that the database does not have, is the proof that something happened. It stays, until an operator
makes a new anchor with `tokenvault audit anchor --new`, which is recorded in the audit trail.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path

from tokenvault_server.database.engine import Engine
from tokenvault_server.errors import StoreError
from tokenvault_server.store import anchor as file
from tokenvault_server.store import audit as store
from tokenvault_server.store.anchor import Anchor

logger = logging.getLogger(__name__)


class AnchorState(StrEnum):
    """What the anchor says about the database."""

    NONE = "none"
    """The settings name no anchor, or there is no checkpoint yet."""
    MATCHES = "matches"
    """The database has the checkpoint that the anchor names."""
    MISSING = "missing"
    """There are checkpoints, and the file does not exist."""
    UNREADABLE = "unreadable"
    CONTRADICTED = "contradicted"
    """The database does not have the checkpoint that the anchor names: it was set back, or replaced."""

    @property
    def is_wrong(self) -> bool:
        """Whether an operator has to look."""
        return self in {AnchorState.MISSING, AnchorState.UNREADABLE, AnchorState.CONTRADICTED}


_EXPLAINED = {
    AnchorState.MISSING: "the audit anchor is missing although checkpoints exist; it is not created again by itself",
    AnchorState.UNREADABLE: "the audit anchor cannot be read",
    AnchorState.CONTRADICTED: "the database does not have the anchored checkpoint",
}


class AuditAnchor:
    """The anchor of one process."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        """Compare the checkpoints in `engine` with the file `path`; None for a vault without an anchor."""
        self._engine = engine
        self._path = path
        self.state = AnchorState.NONE
        """What the last comparison found."""

    @property
    def is_configured(self) -> bool:
        """Whether the settings name a file."""
        return self._path is not None

    async def follow(self) -> AnchorState:
        """Move a matching anchor to the newest checkpoint, whichever process made it; log anything else as an error."""
        anchor = await self._compare()
        if self.state.is_wrong:
            logger.error(_EXPLAINED[self.state], extra={"checkpoint": anchor.number if anchor else None})
        elif anchor is not None:
            newest = await store.newest_checkpoint(self._engine)
            if newest is not None and newest.number > anchor.number:
                self._write(newest.number, newest.hash)
        return self.state

    async def create(self) -> None:
        """Write an anchor of the newest checkpoint, over whatever the file holds.

        For the initialisation of a vault and for operators only: it removes the proof of what happened before.
        """
        newest = await store.newest_checkpoint(self._engine)
        if newest is not None:
            self._write(newest.number, newest.hash)
            await self._compare()

    async def compare(self) -> AnchorState:
        """Compare the anchor with the checkpoints and return the result. Nothing is written or logged."""
        await self._compare()
        return self.state

    async def _compare(self) -> Anchor | None:
        """Set the state and return the anchor."""
        self.state = AnchorState.NONE
        if self._path is None:
            return None
        try:
            anchor = file.read(self._path)
        except StoreError:
            self.state = AnchorState.UNREADABLE
            return None
        if anchor is not None:
            stored = await store.checkpoint_hash(self._engine, anchor.number)
            matches = isinstance(stored, bytes) and stored.hex() == anchor.hash
            self.state = AnchorState.MATCHES if matches else AnchorState.CONTRADICTED
        elif await store.newest_checkpoint(self._engine) is not None:
            self.state = AnchorState.MISSING
        return anchor

    def _write(self, number: int, digest: bytes) -> None:
        if self._path is not None:
            file.write(self._path, Anchor(number, digest.hex()))
