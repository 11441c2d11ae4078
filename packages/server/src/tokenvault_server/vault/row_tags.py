"""Authenticates protected rows: a row that was changed in the database, moved or put back is not accepted.

Every change of a protected row stores the row's new tag in the same transaction. The audit entry of the change holds
the tag too, so `audit verify` can compare rows, tags and chains (`reconciliation`). Whoever reads a protected row
checks its tag before the row decides or shows anything.

What a check finds depends on what was written to the database:

- A row that was changed, copied to another owner, or added: always.
- An older row that was put back: always, because its tag is stored apart from it.
- An older row that was put back together with its older tag: not here. `audit verify` finds it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from tokenvault_server.database.engine import Work
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.protected_row import ProtectedRow, RowId, Tagged
from tokenvault_server.errors import KeyUnavailableError, RowNotAuthenticError
from tokenvault_server.keys import row_tags
from tokenvault_server.keys.keyring import Key, Keyring
from tokenvault_server.store import row_tags as store

logger = logging.getLogger(__name__)

DETAIL: Final = "row/"
"""The details of an audit entry whose names begin with this hold the tags of the rows that the act changed, in hex.
The rest of the name is the row's kind and id; a row that was deleted has an empty tag."""

T = TypeVar("T")


class NewTags:
    """The tags of rows that one transaction adds or changes."""

    __slots__ = ("_tags",)

    def __init__(self, tags: dict[RowId, bytes]) -> None:
        self._tags = tags

    def put(self) -> Work[None]:
        """Store the tags, in the transaction that changes the rows."""
        for identity, tag in self._tags.items():
            yield store.put(identity, tag)

    @property
    def details(self) -> dict[str, int | str]:
        """What the audit entry of the change says of the rows."""
        return {DETAIL + identity.name: tag.hex() for identity, tag in self._tags.items()}


class Tagger:
    """Makes and compares tags with the active key, inside transactions, where nothing can be waited for."""

    __slots__ = ("_key", "_vault_id")

    def __init__(self, key: Key, vault_id: VaultId) -> None:
        self._key = key
        self._vault_id = vault_id

    def tags(self, *rows: ProtectedRow) -> NewTags:
        """Return new tags of rows."""
        return NewTags({row.identity: row_tags.tag(self._key, self._vault_id, row) for row in rows})

    def is_genuine(self, row: ProtectedRow, tag: bytes | None) -> bool:
        """Return whether a row has this tag, and the tag was made with the active key."""
        is_known = tag is not None and len(tag) == row_tags.LENGTH and row_tags.key_id_of(tag) == self._key.key_id
        return is_known and row_tags.matches(self._key, self._vault_id, row, tag or b"")


class RowTags:
    """Checks the tags of rows that were read."""

    def __init__(self, keyring: Keyring, vault_id: VaultId) -> None:
        """Use the keys of one vault."""
        self._keyring = keyring
        self._vault_id = vault_id
        self.count_forged: Callable[[], None] = lambda: None
        """Is called for each row that was read without its tag."""

    @property
    def own_chain(self) -> str:
        """The chain that records the changes of partners and their keys: the vault's own."""
        return self._vault_id

    async def tagger(self) -> Tagger:
        """Return what makes tags with the active key, for a transaction that changes rows.

        Raises:
            KeyUnavailableError: the vault has no such key, or it does not unwrap.
        """
        return Tagger(await self._keyring.active(Purpose.ROW), self._vault_id)

    async def is_genuine(self, row: ProtectedRow, tag: bytes | None) -> bool:
        """Return whether a row that was read has its tag; log which row has not."""
        if await self.matches(row, tag):
            return True
        self.count_forged()
        logger.error(
            "a row was changed in the database",
            extra={"chain": row.identity.chain, "kind": row.identity.kind.value, "row_id": row.identity.row_id},
        )
        return False

    async def matches(self, row: ProtectedRow, tag: bytes | None) -> bool:
        """Return whether a row that was read has its tag."""
        if tag is not None and len(tag) == row_tags.LENGTH:
            key_id = row_tags.key_id_of(tag)
            key = self._keyring.peek(key_id) or await self._known(key_id)
            if key is not None and key.purpose is Purpose.ROW:
                return row_tags.matches(key, self._vault_id, row, tag)
        return False

    async def check(self, row: ProtectedRow, tag: bytes | None) -> None:
        """Return if a row that was read has its tag.

        Raises:
            RowNotAuthenticError: it has not.
        """
        if not await self.is_genuine(row, tag):
            kind, row_id = row.identity.kind.value, row.identity.row_id
            hint = f"{kind} {row_id} was changed in the database; run `tokenvault audit verify`"
            raise RowNotAuthenticError(hint=hint)

    async def genuine(self, read: Iterable[Tagged[T]], row_of: Callable[[T], ProtectedRow]) -> list[T]:
        """Return what was read from genuine rows; others count as if they were not there."""
        return [value for value, tag in read if await self.is_genuine(row_of(value), tag)]

    async def checked(self, read: Sequence[Tagged[T]], row_of: Callable[[T], ProtectedRow]) -> list[T]:
        """Return what was read.

        Raises:
            RowNotAuthenticError: one of the rows has not its tag.
        """
        for value, tag in read:
            await self.check(row_of(value), tag)
        return [value for value, _ in read]

    async def _known(self, key_id: int) -> Key | None:
        """Return the key that a tag names, or None when the vault has no such key."""
        try:
            return await self._keyring.by_id(key_id)
        except KeyUnavailableError:
            return None


def removed(*identities: RowId) -> Work[None]:
    """Remove the tags of rows that this transaction deletes."""
    for identity in identities:
        yield store.remove(identity)


def details_of_removed(*identities: RowId) -> dict[str, int | str]:
    """Return what the audit entry of a deletion says of the deleted rows."""
    return {DETAIL + identity.name: "" for identity in identities}
