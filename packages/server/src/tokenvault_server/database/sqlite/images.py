"""Images of a database: the bytes of a file, and the way back to them.

Going back replaces the rows of every table. Copying the pages of the file instead takes as long, and afterwards every
connection reads its schema again and prepares its statements again, which takes twice as long as the copy.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Final

import apsw

from tokenvault_server.errors import StoreError

_JOURNAL_VERSIONS: Final = slice(18, 20)
"""The bytes of a file's header that say whether it has a write-ahead log (SQLite's file format, 1.3.3)."""
_REFERENCES: Final = "SELECT * FROM pragma_foreign_key_list(?, ?)"
_TABLES: Final = "SELECT name FROM {schema}.sqlite_schema WHERE type = 'table' ORDER BY name"


def image_of(connection: apsw.Connection) -> bytes:
    """Return the database as a file without a write-ahead log would hold it."""
    image = bytearray(connection.serialize("main"))
    image[_JOURNAL_VERSIONS] = b"\x01\x01"
    return bytes(image)


class ImageLoader:
    """Goes back to images. The last one stays attached, because most resets go back to the same."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Write with `connection`."""
        self._connection = connection
        self._attached: bytes | None = None
        self._tables: list[str] = []
        self._changes = -1
        """How many rows the connection had changed when it went back last."""

    def load(self, image: bytes) -> None:
        """Replace the rows of all tables, in one transaction.

        Raises:
            StoreError: the image is none, or has other tables.
        """
        connection = self._connection
        if image is not self._attached:
            self._attach(image)
        elif connection.total_changes() == self._changes:
            return  # nothing was written since, by this connection: an emulator has no other
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Rows that refer to others go first and come last. Deferring the check of references instead would not do:
            # SQLite copies whole tables without counting the references to them.
            for table in reversed(self._tables):
                connection.execute(f'DELETE FROM main."{table}"')  # noqa: S608  # names of our own tables
            for table in self._tables:
                connection.execute(f'INSERT INTO main."{table}" SELECT * FROM image."{table}"')  # noqa: S608
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self._changes = connection.total_changes()

    def _attach(self, image: bytes) -> None:
        """Attach an image that was looked at before: a broken one would break every statement of the connection."""
        connection, self._attached = self._connection, None
        tables = self._tables or _tables(connection, "main")
        if _tables_of(image) != tables:
            raise StoreError("the image is of another version of Tokenvault")
        if not self._tables:
            connection.execute("ATTACH ':memory:' AS image")
            self._tables = tables
        connection.deserialize("image", image)
        self._attached = image


def _tables_of(image: bytes) -> list[str]:
    """Return the tables of an image.

    Raises:
        StoreError: it is not a database, or a damaged one.
    """
    connection = apsw.Connection(":memory:")
    try:
        connection.deserialize("main", image)
        if connection.pragma("quick_check") == "ok":
            return _tables(connection, "main")
    except apsw.Error:
        pass
    finally:
        connection.close()
    raise StoreError("the image is not a database")


def _tables(connection: apsw.Connection, schema: str) -> list[str]:
    """Return the names of all tables, each after those that its rows refer to."""
    names = [name for (name,) in connection.execute(_TABLES.format(schema=schema))]
    references = {name: {row[2] for row in connection.execute(_REFERENCES, (name, schema))} for name in names}
    return list(TopologicalSorter(references).static_order())
