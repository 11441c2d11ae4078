"""A durable inbox for webhooks: both receivers keep events in it and process each event once.

Deliveries arrive at least once. Every attempt of one event carries the same `x-idempotency-key`, so the key is the
inbox's primary key, and a repeated delivery changes nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


class Inbox:
    """Events that were received, in a SQLite file."""

    def __init__(self, path: Path) -> None:
        """Create the file's table if it is new."""
        self._path = path
        with closing(self._connect()) as database:
            database.execute("CREATE TABLE IF NOT EXISTS events (key TEXT PRIMARY KEY, type TEXT, instrument_id TEXT)")

    def add(self, key: str, event_type: str, instrument_id: str) -> bool:
        """Keep an event, durably on return; return False when it was kept before."""
        with closing(self._connect()) as database, database:
            row = (key, event_type, instrument_id)
            return database.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", row).rowcount == 1

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5)
