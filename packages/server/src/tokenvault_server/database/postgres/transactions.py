"""What begins and ends a transaction, with its limits in the same message.

A pooler may lend a connection for one transaction at a time, so no limit outlives its transaction.
"""

from __future__ import annotations

from typing import Final

from tokenvault_server.database.queries import Query

_TABLE_LOCK_SECONDS: Final = 2.0
_SCHEMA_LOCK: Final = 0x746F6B656E766C74  # "tokenvlt"
LOCK_SCHEMA: Final = Query("lock_schema", f"SELECT pg_try_advisory_xact_lock({_SCHEMA_LOCK})")

# A commit may have to wait for standbys. If a limit cut that short, the server would report a commit that no standby
# has.
COMMIT: Final = "SET LOCAL statement_timeout = 0; COMMIT"


def begin(timeout_seconds: float) -> str:
    """Return what begins a transaction whose statements may take that many seconds each."""
    milliseconds = int(timeout_seconds * 1000)
    # A process that stalls inside a transaction holds rows that others wait for; the server ends the transaction.
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED; "
        f"SET LOCAL statement_timeout = {milliseconds}; "
        f"SET LOCAL idle_in_transaction_session_timeout = {2 * milliseconds}"
    )


def begin_exclusive(timeout_seconds: float) -> str:
    """Return what begins a change of the schema: it may take any time, and waits for a table only for a moment."""
    milliseconds = int(table_lock_seconds(timeout_seconds) * 1000)
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; "
        f"SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = {milliseconds}"
    )


def table_lock_seconds(timeout_seconds: float) -> float:
    """Return how long a change of the schema waits for a table, and how long it then leaves the table to others.

    Every later statement on the table waits behind it, and has `timeout_seconds` at most.
    """
    return min(_TABLE_LOCK_SECONDS, timeout_seconds / 2)
