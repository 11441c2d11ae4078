"""A vault with everything that rows decide and show, what its callers observe, and direct writes to its rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.server.api.calls import INSTRUMENTS, Client
from tests.support.builders import MASTERCARD, RUPAY, VISA, a_deleted_card, a_saved_card, sql
from tests.support.clock import SettableClock
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.copying import tables_of
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId, PartnerId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import VaultError
from tokenvault_server.vault.initialisation import SCHEMA
from tokenvault_server.vault.merchants import NewMerchant

PROTECTED: Final = (
    "merchants",
    "merchant_secrets",
    "partners",
    "partner_keys",
    "partner_links",
    "rate_limits",
    "webhook_endpoints",
    "instruments",
)
TABLES: Final = {table.name: table for table in tables_of(SCHEMA)}
URL: Final = "https://shop.example/hook"
LIMIT: Final = 7_000


@dataclass
class World:
    """Two merchants, one of them with a partner, a limit, an endpoint and cards in every state."""

    vault: Vault
    clock: SettableClock
    shop: NewMerchant
    other: NewMerchant
    partner_id: PartnerId
    clients: dict[str, Client]
    """Every combination of credentials that is tried, right or wrong."""
    paths: tuple[str, ...]

    async def observed(self) -> set[str]:
        """Return what every caller and operator can do and see, each thing by who and what."""
        self.clock.advance(seconds=61)  # no cached secret, no used-up limit
        await self.vault.audit.checkpoint()
        seen: set[str] = set()
        for name, client in self.clients.items():
            for target in (INSTRUMENTS, *self.paths):
                answer = await client.call(path=target)
                if answer.status == 200:
                    cards = answer.body if isinstance(answer.body, list) else [answer.body]
                    seen |= {f"{name} sees {card}" for card in cards}
            answer = await client.call("GET", self.paths[0] + "/cryptogram")
            if answer.status == 200:
                seen.add(f"{name} gets a cryptogram")
            if "x-ratelimit-limit" in answer.headers:
                seen.add(f"{name} may call {answer.headers['x-ratelimit-limit']} times")
        for name, look in self._operators().items():
            with suppress(VaultError):
                seen |= {f"an operator sees {name}: {each}" for each in await look()}
        return seen

    def _operators(self) -> dict[str, Callable[[], Awaitable[Sequence[Any]]]]:
        vault, shop = self.vault, self.shop.merchant.merchant_id

        async def secrets() -> Sequence[Any]:
            return [replace(each, last_used_at=None) for each in await vault.merchants.secrets(shop)]

        return {
            "merchants": vault.merchants.list,
            "secrets": secrets,
            "partners": vault.partners.list,
            "links": vault.partners.links,
            "limits": vault.own_limits.list,
            "endpoints": vault.webhooks.endpoints,
            "cards": lambda: vault.instruments.list_of_merchant(shop, 100),
        }

    @property
    def merchant_id(self) -> MerchantId:
        """The shop's id."""
        return self.shop.merchant.merchant_id

    async def revoke_secret(self) -> None:
        listed = await self.vault.merchants.secrets(self.merchant_id)
        (live,) = [each for each in listed if each.revoked_at is None]
        await self.vault.merchants.revoke_secret(self.merchant_id, live.credential_id, "tests")

    async def revoke_partner_key(self) -> None:
        (key,) = await self.vault.partners.keys(self.partner_id)
        await self.vault.partners.revoke_key(self.partner_id, key.credential_id, "tests")

    async def suspend_merchant(self) -> None:
        await self.vault.account_states.suspend_merchant(self.merchant_id, "tests", "")

    async def suspend_partner(self) -> None:
        await self.vault.account_states.suspend_partner(self.partner_id, "tests", "")

    async def remove_merchant(self) -> None:
        await self.vault.removals.remove_merchant(self.merchant_id, "tests", "")

    async def remove_endpoint(self) -> None:
        (endpoint,) = await self.vault.webhooks.endpoints(self.merchant_id)
        await self.vault.webhooks.remove(self.merchant_id, endpoint.endpoint_id, "tests")

    async def delete_card(self) -> None:
        assert (await self.clients["shop"].call("DELETE", self.paths[0])).status == 200

    async def suspend_card(self) -> None:
        customer_id, instrument_id = CustomerId("customer-1"), InstrumentId(self.paths[0].rpartition("/")[2])
        await self.vault.suspensions.suspend(Caller(self.merchant_id, "tests"), customer_id, instrument_id, "")

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all rows of a table."""
        columns = TABLES[table].columns
        read = await sql(self.vault.engine, f"SELECT {', '.join(columns)} FROM {table}")
        return [dict(zip(columns, row, strict=True)) for row in read]

    async def write(self, table: str, row: dict[str, Any], **changes: Any) -> None:
        """Change columns of a row directly."""
        where = " AND ".join(f"{name} = :key_{name}" for name in TABLES[table].key)
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        key = {f"key_{name}": row[name] for name in TABLES[table].key}
        await sql(self.vault.engine, f"UPDATE {table} SET {columns} WHERE {where}", **changes, **key)

    async def remove(self, table: str, row: dict[str, Any]) -> None:
        """Delete a row directly."""
        where = " AND ".join(f"{name} = :{name}" for name in TABLES[table].key)
        key = {name: row[name] for name in TABLES[table].key}
        await sql(self.vault.engine, f"DELETE FROM {table} WHERE {where}", **key)

    async def add(self, table: str, row: dict[str, Any]) -> None:
        """Insert a row directly."""
        marks = ", ".join(f":{name}" for name in row)
        await sql(self.vault.engine, f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", **row)

    async def put_back(self, table: str, row: dict[str, Any]) -> None:
        """Replace a row by an older one, or insert it again."""
        key = TABLES[table].key
        if any(all(each[name] == row[name] for name in key) for each in await self.rows(table)):
            await self.write(table, row, **row)  # not removed first: other rows may refer to it
        else:
            await self.add(table, row)

    async def findings(self) -> list[str]:
        """Return what `audit verify` finds after the next checkpoint; this vault has no anchor."""
        await self.vault.audit.checkpoint()
        return (await self.vault.verify_audit(with_anchor=False)).findings


async def world(vault: Vault, pipeline: Pipeline, clock: SettableClock) -> World:
    """Fill a vault."""
    shop, other = [await vault.merchants.add(name, "tests") for name in ("Shop", "Other")]
    merchant_id = shop.merchant.merchant_id
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, merchant_id, "tests")
    rotated = await vault.merchants.rotate_secret(merchant_id, 3600, "tests")
    await vault.merchants.revoke_secret(merchant_id, rotated.stored.credential_id, "tests")
    # The limits are high: a test observes many calls within what a limit counts.
    await vault.own_limits.set(OwnLimit(merchant_id, "fetch_cryptogram", LIMIT), "tests")
    await vault.webhooks.add(merchant_id, URL, "tests")
    caller = Caller(merchant_id, "tests")
    active, suspended, deleted = [await a_saved_card(vault, caller, pan) for pan in (VISA, MASTERCARD, RUPAY)]
    await vault.suspensions.suspend(caller, suspended.instrument.customer_id, suspended.instrument.instrument_id, "")
    await a_deleted_card(vault, caller, deleted)
    await a_saved_card(vault, Caller(other.merchant.merchant_id, "tests"))
    key = partner.api_key.reveal()
    client = {name: Client(vault, pipeline, each) for name, each in (("shop", shop), ("other", other))}
    headers: dict[str, tuple[str, dict[str, str | None]]] = {
        "revoked secret": ("shop", {"x-client-secret": rotated.secret.reveal()}),
        "the other's secret": ("shop", {"x-client-secret": other.client_secret.reveal()}),
        "the shop's secret": ("other", {"x-client-secret": shop.client_secret.reveal()}),
        "partner": ("shop", {"x-client-secret": None, "x-partner-apikey": key, "x-partner-merchantid": merchant_id}),
        "partner by client": ("shop", {"x-client-secret": None, "x-partner-apikey": key}),
        "partner of the other": ("other", {"x-client-secret": None, "x-partner-apikey": key}),
    }
    for name, (whose, sent) in headers.items():
        new = Client(vault, pipeline, shop if whose == "shop" else other)
        both: dict[str, str | None] = {**new.credentials, **sent}
        new.credentials = {key: value for key, value in both.items() if value is not None}
        client[name] = new
    paths = tuple(f"{INSTRUMENTS}/{card.instrument.instrument_id}" for card in (active, suspended, deleted))
    return World(vault, clock, shop, other, partner.partner_id, client, paths)
