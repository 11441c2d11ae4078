"""Tags of protected rows. They are not stored in the rows, so that an older row that is put back has the wrong tag."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.protected_row import RowId

SQL = queries.load("tokenvault_server.store", "row_tags.sql")


def put(identity: RowId, tag: bytes) -> Statement:
    """Store the tag of a row that this transaction adds or changes."""
    return SQL["put_tag"](merchant_id=identity.chain, kind=identity.kind, row_id=identity.row_id, tag=tag)


def remove(identity: RowId) -> Statement:
    """Remove the tag of a row that this transaction deletes."""
    return SQL["remove_tag"](merchant_id=identity.chain, kind=identity.kind, row_id=identity.row_id)
