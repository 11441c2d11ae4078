"""A deep inspection of a vault: every key is unwrapped, and a sample of every kind of sealed record is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import NamedTuple

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.inspection import check, inspect_records
from tokenvault_server.database.key_table import KeyTable, wrapped_key
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.inspection import Inspection, Notify
from tokenvault_server.domain.keys import KeyState, Purpose
from tokenvault_server.domain.sampling import Candidate
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.store import instruments, samples
from tokenvault_server.store.samples import SQL
from tokenvault_server.vault.initialisation import OWN_KEYS
from tokenvault_server.vault.merchants import MERCHANT_KEYS
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.webhook_events import RECORD_TYPE as EVENT

OpenSealed = Callable[[str, str, bytes], Awaitable[object]]
"""Opens a sealed record, given its owner and its id."""


class _Kind(NamedTuple):
    """A kind of sealed record that is opened by its owner and id."""

    table: str
    scan: Query
    read: Query
    open: OpenSealed


async def inspect_keys(
    name: str, table: KeyTable, keyring: Keyring, needed: Iterable[tuple[Purpose, str]], notify: Notify
) -> Inspection:
    """Unwrap every key of a table; check its purpose, state and check value, and that none is missing.

    Args:
        name: the database, for the result.
        table: its keys.
        keyring: unwraps them.
        needed: the purposes and owners that must have an active key.
        notify: is told the progress.
    """
    inspection = Inspection(f"keys of {name}")
    missing, last = set(needed), 0
    while page := await table.page(last):
        for row in page:
            key_id = row[0]
            await check(inspection, f"key {key_id}", partial(_unwrap, row, keyring, missing))
            # Ids are dense, and a row is never deleted.
            if key_id != last + 1:
                inspection.add(f"key {last + 1}", "is missing from the key table, and perhaps others after it")
            last = key_id
        notify(inspection.name, inspection.checked)
    for purpose, owner in sorted(missing):
        inspection.add(f"'{purpose.value}' {owner}".rstrip(), "has no active key")
    return inspection


async def _unwrap(row: tuple[object, ...], keyring: Keyring, missing: set[tuple[Purpose, str]]) -> None:
    key = wrapped_key(row)
    if key.state is KeyState.DESTROYED:
        if any(key.wrapped):
            raise KeyUnavailableError(hint="is marked as destroyed, and its material is still there")
        return
    await keyring.check(key)
    if key.state is KeyState.ACTIVE:
        missing.discard((key.purpose, key.owner))


async def inspect_vault_keys(engine: Engine, keyring: Keyring, notify: Notify) -> Inspection:
    """Inspect the keys of the vault and of every merchant."""
    needed = [(purpose, "") for purpose in OWN_KEYS]
    inspection = await inspect_keys("the vault", KeyTable(engine), keyring, needed, notify)
    for purpose in MERCHANT_KEYS:
        async for merchant_id in samples.merchants_without_key(engine, purpose.value):
            inspection.add(f"merchant {merchant_id}", f"has no active '{purpose.value}' key")
    return inspection


class RecordInspection:
    """Opens a sample of the sealed records of a vault."""

    def __init__(self, engine: Engine, sealer: RecordSealer) -> None:
        """Inspect the records in `engine`."""
        self._engine = engine
        self._sealer = sealer

    async def run(self, size: int, notify: Notify) -> list[Inspection]:
        """Open, of every key and kind, the `size` newest records and `size` random ones."""
        sealer = self._sealer
        kinds = (
            _Kind("merchant_secrets", SQL["scan_secrets"], SQL["read_secret"], sealer.open_credential),
            _Kind("partner_keys", SQL["scan_partner_keys"], SQL["read_partner_key"], sealer.open_credential),
            _Kind("idempotency_keys", SQL["scan_replies"], SQL["read_reply"], self._open_reply),
            _Kind("outbox", SQL["scan_outbox"], SQL["read_outbox"], partial(self._open_text, "outbox")),
            _Kind("webhook_events", SQL["scan_events"], SQL["read_event_record"], partial(self._open_text, EVENT)),
        )
        cards = await inspect_records(
            self._engine, "instruments", SQL["scan_instruments"], self._open_card, size, notify
        )
        others = [
            await inspect_records(self._engine, kind.table, kind.scan, partial(self._open, kind), size, notify)
            for kind in kinds
        ]
        return [cards, *others]

    async def _open(self, kind: _Kind, candidate: Candidate) -> None:
        sealed = await samples.sealed(self._engine, kind.read, candidate.owner, candidate.record_id)
        if sealed is not None:
            await kind.open(candidate.owner, candidate.record_id, sealed)

    async def _open_card(self, candidate: Candidate) -> None:
        found = await instruments.load(
            self._engine, MerchantId(candidate.owner), CustomerId(candidate.part), InstrumentId(candidate.record_id)
        )
        if found is not None and found.value.sealed is not None:
            await self._sealer.open_instrument(found.value)

    async def _open_reply(self, owner: str, record_id: str, sealed: bytes) -> object:
        return await self._sealer.open_reply(MerchantId(owner), record_id, sealed)

    async def _open_text(self, record_type: str, owner: str, record_id: str, sealed: bytes) -> object:
        return await self._sealer.open_text(MerchantId(owner), record_type, record_id, sealed)
