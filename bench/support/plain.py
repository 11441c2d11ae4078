"""The same cards without a vault: keys and cards in two plain tables, for the other servers of the comparison."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import apsw

from tokenvault_contract.entities import InstrumentEntity, SavedInstrumentMeta, TokenDetails
from tokenvault_server.domain.instrument import Instrument

FILE_VARIABLE = "BENCH_PLAIN_FILE"
"""The environment variable with the path of the tables."""

KEY_COUNT = 1_000
"""The number of keys in the table, independent of the number of merchants."""

READ = """
    SELECT customer_id, afa_reference, instrument_id, instrument_uid, last4, status, created_at, network, issuer,
        country, card_type, card_sub_type, par, expiry_month, expiry_year
    FROM cards WHERE merchant_id = ? AND customer_id = ? AND instrument_id = ?
"""

_SCHEMA = """
    CREATE TABLE keys (client_id TEXT PRIMARY KEY, digest BLOB, merchant_id TEXT);
    CREATE TABLE cards (
        merchant_id TEXT, customer_id TEXT, instrument_id TEXT, afa_reference TEXT, instrument_uid TEXT, last4 TEXT,
        status TEXT, created_at TEXT, network TEXT, issuer TEXT, country TEXT, card_type TEXT, card_sub_type TEXT,
        par TEXT, expiry_month TEXT, expiry_year TEXT, PRIMARY KEY (merchant_id, customer_id, instrument_id)
    );
"""

Row = tuple[str, ...]


class Table:
    """The two tables, for filling them."""

    def __init__(self, file: Path) -> None:
        self._connection = apsw.Connection(os.fspath(file))
        self._connection.execute(_SCHEMA)
        for number in range(KEY_COUNT):
            self.add_key(f"CLIENT{number:032x}", f"secret {number}", "")

    def add_key(self, client_id: str, secret: str, merchant_id: str) -> None:
        """Let a client fetch a merchant's cards."""
        digest = hashlib.sha256(secret.encode()).digest()
        self._connection.execute("INSERT INTO keys VALUES (?, ?, ?)", (client_id, digest, merchant_id))

    def add_cards(self, cards: Iterable[Instrument]) -> None:
        """Add cards, in the clear."""
        with self._connection:
            self._connection.executemany(
                f"INSERT INTO cards VALUES ({', '.join('?' * 16)})",  # noqa: S608  # the text contains only question marks
                (_row(card) for card in cards),
            )

    def close(self) -> None:
        self._connection.close()


class Reader:
    """The work of a handler without features: check the key, read one row."""

    def __init__(self) -> None:
        """Read from the file that the environment names."""
        self._connection = apsw.Connection(os.environ[FILE_VARIABLE], flags=apsw.SQLITE_OPEN_READONLY)
        rows = self._connection.execute("SELECT client_id, digest, merchant_id FROM keys")
        self._keys = {client_id.encode(): (digest, merchant_id) for client_id, digest, merchant_id in rows}

    def merchant(self, client_id: bytes, secret: bytes) -> str | None:
        """Return the merchant of a key, or None."""
        digest, merchant_id = self._keys[client_id]
        return merchant_id if hmac.compare_digest(hashlib.sha256(secret).digest(), digest) else None

    def read(self, merchant_id: str, customer_id: str, instrument_id: str) -> Row:
        """Return the row of one card."""
        rows = self._connection.execute(READ, (merchant_id, customer_id, instrument_id))
        return cast("Row", rows.fetchall()[0])


def entity(row: Row) -> InstrumentEntity:
    """Return the body of a card."""
    customer, afa, instrument, uid, last4, status, created_at, network, issuer, country, kind, sub, par, month, year = (
        row
    )
    return InstrumentEntity(
        customer_id=customer,
        afa_reference=afa,
        instrument_id=instrument,
        instrument_type="card",
        instrument_uid=uid,
        instrument_display=last4,
        instrument_status=status,
        created_at=created_at,
        instrument_meta=SavedInstrumentMeta(network, issuer, country, kind, TokenDetails(par, month, year), sub),
    )


def _row(card: Instrument) -> Row:
    return (
        card.merchant_id,
        card.customer_id,
        card.instrument_id,
        "payment_000000",
        card.instrument_uid,
        "XXXXXXXXXXXX" + card.last4,
        card.status.value,
        "2026-01-01T00:00:00.000+00:00",
        card.network,
        card.issuer,
        card.country,
        card.card_type,
        card.card_sub_type,
        "V001" + "0" * 25,
        "03",
        "2030",
    )
