"""Helpers of the tests of token events: cards, statuses, audit actions and webhook events."""

from __future__ import annotations

import json
from typing import Any

from tests.support.builders import (
    audit_entries,
    sql,
)
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.vault.instruments import SavedCard

URL = "http://127.0.0.1:9/hook"
ACTIVE, INACTIVE, DELETED = InstrumentStatus


async def pull(vault: Vault) -> int:
    """Pull the inbox of every provider once."""
    return sum([await vault.inbox(provider.tsp_id).pull() for provider in vault.providers])


async def reloaded(vault: Vault, caller: Caller, card: SavedCard) -> SavedCard:
    """Return a saved card as it is now."""
    return await vault.instruments.fetch(caller, card.instrument.customer_id, card.instrument.instrument_id)


async def status_of(vault: Vault) -> list[str]:
    return [row[0] for row in await sql(vault.engine, "SELECT status FROM instruments ORDER BY instrument_id")]


async def actions(vault: Vault, caller: Caller) -> list[str]:
    return [entry["action"] for entry in await audit_entries(vault, caller.merchant_id)]


async def bodies(vault: Vault, merchant_id: MerchantId) -> list[dict[str, Any]]:
    rows = await sql(vault.engine, "SELECT event_id FROM webhook_deliveries ORDER BY number")
    return [json.loads(await vault.webhooks.body_of(merchant_id, row[0])) for row in rows]


async def webhook_events_of(vault: Vault, caller: Caller) -> list[tuple[str, str]]:
    """Return the type and the last four digits of every webhook event."""
    events = await bodies(vault, caller.merchant_id)
    return [(body["type"], body["data"]["instrument"]["instrument_display"][-4:]) for body in events]
