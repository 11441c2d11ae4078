"""Vaults of any size, written in bulk without a call for each card, and kept below .cache/bench between runs.

Only the merchants' secrets are stored for later runs. The ids of card `n` are computed from `n`, so a bench can pick
one of ten million cards at random without a list.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import msgspec

from bench.support import ROOT, seeding
from bench.support.seeding import CARDS_PER_CUSTOMER, SavedCard
from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Vault, key_provider
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.migrate import migrations_of
from tokenvault_server.database.queries import Statement
from tokenvault_server.database.sqlite.engine import placeholder
from tokenvault_server.domain.card import Expiry, Pan, with_check_digit
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.protected_row import of_instrument
from tokenvault_server.keys.keyring import Key, Keyring
from tokenvault_server.keys.opening import RecordOpener
from tokenvault_server.keys.packed import packed
from tokenvault_server.settings import CONFIG_FILE, Settings
from tokenvault_server.store import instruments, tokens
from tokenvault_server.tsp.local import identifiers
from tokenvault_server.tsp.local import tokens as issued
from tokenvault_server.tsp.local.records import CardRecord, CardRecords

MERCHANTS = 10
_OWNERS_FILE = "owners.json"
_BEGAN = (
    1_767_225_600_000_000  # 2026-01-01, when the first card is saved; the others follow at intervals of a millisecond
)
_TOKEN_EXPIRY = Expiry(2035, 3)
_CACHE_KIB = 2_000_000


class Owner(msgspec.Struct, frozen=True):
    """A merchant of a large vault, with its credentials and its token requestor id."""

    merchant_id: MerchantId
    client_id: str
    client_secret: str
    trid: str


@dataclass(frozen=True, slots=True)
class LargeVault:
    """A vault of `count` saved cards, each with a token, distributed evenly among its merchants."""

    directory: Path
    count: int
    owners: Sequence[Owner]

    @property
    def settings(self) -> Settings:
        """The settings of the vault."""
        return settings_module.load({}, self.directory / CONFIG_FILE)

    @property
    def size(self) -> int:
        """Its size on disk in bytes."""
        return sum(file.stat().st_size for file in self.directory.iterdir())

    def card(self, number: int) -> SavedCard:
        """Return the ids of card `number` and the credentials for it."""
        owner = self.owners[number * len(self.owners) // self.count]
        customer_id = CustomerId(f"customer_{number // CARDS_PER_CUSTOMER:08d}")
        return SavedCard(owner.client_id, owner.client_secret, owner.merchant_id, customer_id, _instrument_id(number))


async def large_vault(count: int) -> LargeVault:
    """Return the vault with `count` saved cards; create it unless it is left from an earlier run."""
    directory = ROOT / ".cache" / "bench" / f"large-{count}-{_schema()}"
    kept = directory / _OWNERS_FILE
    if not kept.exists():
        for stale in directory.parent.glob(f"large-{count}-*"):
            shutil.rmtree(stale)
        directory.mkdir(parents=True)
        (directory.parent / ".gitignore").write_text("*\n")
        owners = await _grow(directory, count)
        kept.write_bytes(msgspec.json.encode(owners))
    return LargeVault(directory, count, msgspec.json.decode(kept.read_bytes(), type=list[Owner]))


_ROWS = "3"
"""Increase this when the rows change and the schema does not."""


def _schema() -> str:
    """Return the version of schema and rows that a stored vault must have."""
    migrations = migrations_of("tokenvault_server.store") + migrations_of("tokenvault_server.tsp.local")
    return hashlib.sha256("".join([_ROWS, *(each.checksum for each in migrations)]).encode()).hexdigest()[:8]


async def _grow(directory: Path, count: int) -> list[Owner]:
    async with seeding.new_vault(directory) as vault:
        issuer = await Issuer.of(vault)
        owners = [await _owner(vault, issuer, number) for number in range(MERCHANTS)]
        large = LargeVault(directory, count, owners)
        for first in range(0, count, count // MERCHANTS):
            await _rows(vault, issuer, large, first)  # loads every merchant's keys into memory
    # The vault is closed first, because the bulk is written without journals.
    with _bulk(_file(vault.settings.store)) as ours, _bulk(_file(vault.settings.tsp_store)) as theirs:
        for number in range(count):
            for connection, statements in zip((ours, theirs), await _rows(vault, issuer, large, number), strict=True):
                for statement in statements:
                    connection.execute(statement.query.compiled[placeholder], statement.values)
            if number % (count // 20) == 0:
                print(f"making {count:,} saved cards: {number * 100 // count} %", file=sys.stderr, flush=True)
    return owners


@dataclass(frozen=True, slots=True)
class Issuer:
    """The keys with which the local token service seals its rows."""

    records: CardRecords
    index_key: Key
    table: issued.TokenTable

    @staticmethod
    async def of(vault: Vault) -> Issuer:
        """Load the keys of a vault's token service."""
        table = KeyTable(vault.tsp_engine)
        vault_id = await table.vault_id() or ""
        keyring = Keyring(key_provider(vault.settings), table, vault_id)
        records = CardRecords(keyring, RecordOpener(keyring), vault_id)
        return Issuer(records, await keyring.active(Purpose.CARD_INDEX), issued.TokenTable(vault.tsp_engine))

    async def insert(self, owner: Owner, card: SavedCard, number: int, now: int) -> Statement:
        """Return the insertion of card `number`'s token."""
        pan = Pan(with_check_digit(f"470613{number:09d}"))
        token_pan = NetworkToken(seeding.token_pan(number))
        reference = seeding.token_reference(number)
        record = CardRecord(
            packed(pan.reveal()), 2035, 3, packed(token_pan.reveal()), owner.merchant_id, card.customer_id
        )
        return issued.SQL["insert_token"](
            token_reference=reference,
            network=Network.VISA.value,
            trid=owner.trid,
            last4=pan.last4,
            token_expires_at=_TOKEN_EXPIRY.ends_at(),
            now=now,
            token_index=identifiers.token_index(self.index_key, token_pan),
            card_index=identifiers.card_index(self.index_key, pan, owner.merchant_id, card.customer_id),
            sealed=await self.records.seal(record, reference, owner.trid, row_version=1),
        )


async def _owner(vault: Vault, issuer: Issuer, number: int) -> Owner:
    new = await vault.merchants.add(f"Merchant {number}", "bench")
    merchant_id = new.merchant.merchant_id
    index = identifiers.merchant_index(issuer.index_key, merchant_id)
    trid = await issuer.table.trid(index, Network.VISA, lambda: identifiers.new_trid("900"))
    return Owner(merchant_id, new.merchant.client_id, new.client_secret.reveal(), trid)


async def _rows(
    vault: Vault, issuer: Issuer, large: LargeVault, number: int
) -> tuple[list[Statement], list[Statement]]:
    """Return the insertions for one card: those in the vault's database and those in its token service's."""
    owner, ids, now = large.owners[number * len(large.owners) // large.count], large.card(number), _BEGAN + number
    token_index = await vault.sealer.token_index(owner.merchant_id, "local", seeding.token_reference(number))
    card = seeding.bare(ids.merchant_id, ids.customer_id, ids.instrument_id, number, now)
    sealed, key_id = await seeding.sealed(vault, card._replace(token_index=token_index), number, owner.trid)
    share = tokens.SQL["share_token"](merchant_id=owner.merchant_id, token_index=token_index, now=now, granted_at=now)
    tags = (await vault.row_tags.tagger()).tags(of_instrument(sealed))
    ours = [share, instruments.insert(sealed, key_id), *tags.put()]
    return ours, [await issuer.insert(owner, ids, number, now)]


def _instrument_id(number: int) -> InstrumentId:
    """Return a version 7 UUID like the vault's, sorted by number, and always the same for one number."""
    moment, rest = f"{_BEGAN // 1000 + number:012x}", hashlib.blake2b(number.to_bytes(8), digest_size=9).hexdigest()
    return InstrumentId(f"{moment[:8]}-{moment[8:]}-7{rest[:3]}-8{rest[3:6]}-{rest[6:]}")


@contextmanager
def _bulk(file: Path) -> Iterator[apsw.Connection]:
    """Open one large transaction without a journal, and with a cache for indexes that grow everywhere."""
    connection = apsw.Connection(os.fspath(file))
    connection.pragma("journal_mode", "off")
    connection.pragma("synchronous", "off")
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.execute("BEGIN")
    yield connection
    connection.execute("COMMIT")
    connection.close()


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
