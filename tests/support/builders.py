"""Builders of values that tests need but do not check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tests.support.clock import NOW
from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Engine, Rows, Unit, single_statement
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest, TokenKey
from tokenvault_server.vault import protected_rows
from tokenvault_server.vault.cryptograms import IssuedCryptogram
from tokenvault_server.vault.instruments import SavedCard
from tokenvault_server.vault.row_tags import DETAIL

VISA = "4706131211212123"
MASTERCARD = "5409162669381034"
RUPAY = "6074825972083818"
FOREIGN = "4111111111111111"
"""A valid card number that the built-in token service does not serve."""

CUSTOMER = CustomerId("customer-1")


def settings_in(folder: Path, **changes: object) -> Settings:
    """Return the settings of a vault in a folder, and create its master key there."""
    folder.mkdir(exist_ok=True)
    if not (folder / "master.key").exists():
        create_key_file(folder / "master.key")
    return msgspec.structs.replace(settings_module.for_directory(folder), **changes)


def stored_in(folder: Path) -> bytes:
    """Return every byte of every file in a folder."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


def a_caller(merchant_id: str = "mer_1", *, request_id: str = "req_1") -> Caller:
    return Caller(MerchantId(merchant_id), "CLIENT1", "192.0.2.1", request_id)


def a_request(pan: str = VISA, *, merchant_id: str = "mer_1", customer_id: str = CUSTOMER) -> ProvisionRequest:
    card = CardDetails(Pan(pan), Expiry(2028, 3), Secret("Asha Rao"))
    return ProvisionRequest(card, MerchantId(merchant_id), CustomerId(customer_id), Evidence("740324562", NOW, "v1"))


def an_instrument(
    instrument_id: str = "ins_1", *, created_at: int = NOW, sealed: bytes | None = b"sealed"
) -> Instrument:
    return Instrument(
        merchant_id=MerchantId("mer_1"),
        customer_id=CUSTOMER,
        instrument_id=InstrumentId(instrument_id),
        status=InstrumentStatus.ACTIVE,
        created_at=created_at,
        deleted_at=None,
        tsp_id="local",
        last4="2123",
        network="visa",
        issuer="HDFC BANK",
        country="IN",
        card_type="debit_card",
        card_sub_type="R",
        instrument_uid="0" * 64,
        token_index=b"index",
        row_version=1,
        sealed=sealed,
    )


async def sql(engine: Engine, text: str, **values: str | int | bytes | None) -> Rows:
    """Run one statement in a transaction of its own, to inspect or alter the database directly."""
    return await engine.commit(single_statement(Query("test", text)(**values)))


async def audit_entries(vault: Vault, chain: str) -> list[dict[str, Any]]:
    """Return the entries of a chain in their order, as they are in the table."""
    rows = await sql(
        vault.engine, "SELECT entry FROM audit_entries WHERE merchant_id = :chain ORDER BY sequence", chain=chain
    )
    return [msgspec.json.decode(row[0]) for row in rows]


def details_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry's details without the tags of the rows that changed."""
    return {name: value for name, value in entry["details"].items() if not name.startswith(DETAIL)}


async def a_merchant(vault: Vault, name: str = "Corner Shop") -> Caller:
    """Add a merchant; return a caller that acts for it."""
    added = await vault.merchants.add(name, "tests")
    return a_caller(added.merchant.merchant_id)


async def a_saved_card(vault: Vault, caller: Caller, pan: str = VISA, customer_id: str = CUSTOMER) -> SavedCard:
    unit = Unit(vault.engine)
    request = a_request(pan, merchant_id=caller.merchant_id, customer_id=customer_id)
    saved = await vault.instruments.save(caller, unit, request)
    await unit.commit()
    return saved


def key_of(card: SavedCard) -> TokenKey:
    """Return the key of a saved card's token at its provider."""
    assert card.secrets is not None
    return TokenKey(card.instrument.merchant_id, card.secrets.token_reference)


async def a_deleted_card(vault: Vault, caller: Caller, card: SavedCard) -> SavedCard:
    unit = Unit(vault.engine)
    instrument = card.instrument
    deleted = await vault.instruments.delete(caller, unit, instrument.customer_id, instrument.instrument_id)
    await unit.commit()
    return deleted


async def a_cryptogram(vault: Vault, caller: Caller, card: SavedCard) -> IssuedCryptogram:
    unit = Unit(vault.engine)
    instrument = card.instrument
    issued = await vault.cryptograms.issue(caller, unit, instrument.customer_id, instrument.instrument_id)
    await unit.commit()
    return issued


async def retag(vault: Vault) -> None:
    """Give every protected row the tag that fits what a test wrote into it."""
    tagger = await vault.row_tags.tagger()
    for chain in (vault.vault_id, *await protected_rows.chains(vault.engine)):
        for each in [each async for each in protected_rows.found(vault.engine, chain, vault.vault_id)]:
            await vault.engine.commit(tagger.tags(each.row).put)


async def retag_in(directory: Path) -> None:
    """Do the same to a vault that no test has opened, by its directory."""
    vault = await open_vault(settings_module.for_directory(directory), SystemClock())
    await retag(vault)
    await vault.close()
