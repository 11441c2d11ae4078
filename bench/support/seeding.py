"""Vaults with saved cards, written without HTTP, and a plain table of the same cards for servers without a vault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from bench.support import plain
from tokenvault_contract import headers
from tokenvault_contract.operations import BASE_PATH
from tokenvault_contract.versions import LATEST
from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Unit, Work
from tokenvault_server.domain.card import Expiry, Pan, with_check_digit
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId, uuid7
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.protected_row import of_instrument
from tokenvault_server.keys.packed import packed
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.settings import CONFIG_FILE
from tokenvault_server.store import instruments as store
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest
from tokenvault_server.vault.merchants import NewMerchant
from tokenvault_server.vault.record_sealer import InstrumentSecrets

CARDS_PER_CUSTOMER = 5
CUSTOMERS_PER_MERCHANT = 200
_GROUP = 500
_SANDBOX_CARD = "4706131211212123"
_CONFIG = """
key_provider = "file:master.key"
audit_anchor = ""
rate_limit_per_address = 1_000_000_000

# Rate limits count every call but refuse none.
[rate_limit_per_operation]
fetch_instrument = 1_000_000_000
fetch_cryptogram = 1_000_000_000
"""


class SavedCard(NamedTuple):
    """The ids of a saved card and the credentials for it."""

    client_id: str
    client_secret: str
    merchant_id: MerchantId
    customer_id: CustomerId
    instrument_id: InstrumentId

    def path(self, suffix: str = "") -> str:
        """Return the path of the card."""
        return f"{BASE_PATH}/customers/{self.customer_id}/instruments/{self.instrument_id}{suffix}"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request for it."""
        sent = {
            "host": "127.0.0.1",
            headers.CLIENT_ID: self.client_id,
            headers.CLIENT_SECRET: self.client_secret,
            headers.API_VERSION: LATEST,
        }
        return [(name.encode(), value.encode()) for name, value in sent.items()]

    def request(self, suffix: str = "") -> bytes:
        """Return the request that fetches it, as bytes."""
        lines = [f"GET {self.path(suffix)} HTTP/1.1".encode(), *(b": ".join(header) for header in self.headers())]
        return b"\r\n".join((*lines, b"", b""))

    def caller(self) -> Caller:
        """Return its merchant as an authenticated caller."""
        return Caller(self.merchant_id, self.client_id)


@asynccontextmanager
async def new_vault(directory: Path, **stores: str) -> AsyncIterator[Vault]:
    """Yield a new vault in an empty directory or in two databases, with a configuration for servers."""
    create_key_file(directory / "master.key")
    lines = [f'{name} = "{url}"\n' for name, url in stores.items()]
    (directory / CONFIG_FILE).write_text("".join(lines) + _CONFIG)
    vault = await open_vault(settings_module.load({}, directory / CONFIG_FILE), SystemClock(), initialise=True)
    try:
        yield vault
    finally:
        await vault.close()


async def fill(vault: Vault, count: int, plain_file: Path) -> list[SavedCard]:
    """Write `count` saved cards of many merchants directly to the store, and in the clear to `plain_file`.

    The records are sealed as usual. The token service is not called; fetching a card does not call it either.
    """
    table = plain.Table(plain_file)
    saved: list[SavedCard] = []
    while len(saved) < count:
        new = await vault.merchants.add(f"Merchant {len(saved)}", "bench")
        table.add_key(new.merchant.client_id, new.client_secret.reveal(), new.merchant.merchant_id)
        wanted = min(count - len(saved), CUSTOMERS_PER_MERCHANT * CARDS_PER_CUSTOMER)
        for group in _grouped([_bare(vault, new, number) for number in range(wanted)]):
            await _write(vault, group)
            table.add_cards(group)
            saved += [_saved(new, card.customer_id, card.instrument_id) for card in group]
    table.close()
    return saved


async def enrol(vault: Vault, count: int) -> list[SavedCard]:
    """Save `count` cards, each of its own customer, as the API does, so that all can get cryptograms."""
    new = await vault.merchants.add("Merchant", "bench")
    return list(await asyncio.gather(*(_enrol(vault, new, CustomerId(f"customer_{n:06d}")) for n in range(count))))


async def _enrol(vault: Vault, new: NewMerchant, customer_id: CustomerId) -> SavedCard:
    request = ProvisionRequest(
        card=CardDetails(Pan(_SANDBOX_CARD), Expiry(2035, 3)),
        merchant_id=new.merchant.merchant_id,
        customer_id=customer_id,
        evidence=Evidence("payment", vault.clock.now(), "2026-01"),
    )
    unit = Unit(vault.engine)
    card = await vault.instruments.save(Caller(new.merchant.merchant_id, "bench"), unit, request)
    await unit.commit()
    return _saved(new, customer_id, card.instrument.instrument_id)


def _saved(new: NewMerchant, customer_id: CustomerId, instrument_id: InstrumentId) -> SavedCard:
    merchant = new.merchant
    return SavedCard(merchant.client_id, new.client_secret.reveal(), merchant.merchant_id, customer_id, instrument_id)


def token_reference(number: int) -> str:
    """Return the token reference of card `number`."""
    return f"tok_{number:032x}"


def token_pan(number: int) -> str:
    """Return the token number of card `number`."""
    return with_check_digit(f"499999{number:09d}")


def bare(
    merchant_id: MerchantId, customer_id: CustomerId, instrument_id: InstrumentId, number: int, now: int
) -> Instrument:
    """Return card `number` before it is sealed."""
    return Instrument(
        merchant_id=merchant_id,
        customer_id=customer_id,
        instrument_id=instrument_id,
        status=InstrumentStatus.ACTIVE,
        created_at=now,
        deleted_at=None,
        tsp_id="local",
        last4=f"{number % 10_000:04d}",
        network="visa",
        issuer="STATE BANK OF INDIA",
        country="IN",
        card_type="credit_card",
        card_sub_type="R",
        instrument_uid=f"{number:032x}",
        token_index=number.to_bytes(32, "big"),
        row_version=1,
        sealed=None,
    )


async def sealed(vault: Vault, card: Instrument, number: int, trid: str = "40100000001") -> tuple[Instrument, int]:
    """Return the card with its sealed record, and the id of the key that sealed it."""
    secrets = InstrumentSecrets(
        packed_token=packed(token_pan(number)),
        token_expiry_month=3,
        token_expiry_year=2030,
        par=f"V001{number:025d}",
        trid=trid,
        token_reference=token_reference(number),
        afa_reference=f"payment_{number:06d}",
        consent_given_at=card.created_at,
        consent_text_version="2026-01",
    )
    key_id, record = await vault.sealer.seal_instrument(card, secrets)
    return card._replace(sealed=record), key_id


def _bare(vault: Vault, new: NewMerchant, number: int) -> Instrument:
    customer_id, now = CustomerId(f"customer_{number // CARDS_PER_CUSTOMER:06d}"), vault.clock.now()
    return bare(new.merchant.merchant_id, customer_id, InstrumentId(uuid7(now)), number, now)


async def _write(vault: Vault, group: Sequence[Instrument]) -> None:
    rows = [await sealed(vault, card, number) for number, card in enumerate(group)]
    tags = (await vault.row_tags.tagger()).tags(*(of_instrument(instrument) for instrument, _ in rows))

    def body() -> Work[None]:
        for instrument, key_id in rows:
            yield store.insert(instrument, key_id)
        yield from tags.put()

    await vault.engine.commit(body)


def _grouped(cards: list[Instrument]) -> Iterator[list[Instrument]]:
    for start in range(0, len(cards), _GROUP):
        yield cards[start : start + _GROUP]
