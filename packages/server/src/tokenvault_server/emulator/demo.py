"""A demo card, saved through the same verb as any other card."""

from __future__ import annotations

from datetime import UTC, datetime

from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.emulator.announcement import DemoCard
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest
from tokenvault_server.vault.instruments import Instruments

_CUSTOMER = CustomerId("demo_customer")
_CARD = "4706131211212123"  # the first of Cashfree's published sandbox cards
_YEARS_LEFT = 3


async def save_demo_card(engine: Engine, instruments: Instruments, clock: Clock, merchant_id: MerchantId) -> DemoCard:
    """Save the demo card, unless the demo customer has one."""
    caller = Caller(merchant_id, "emulator")
    saved = await instruments.fetch_all(caller, _CUSTOMER)
    if saved:
        return DemoCard(_CUSTOMER, saved[0].instrument.instrument_id)
    year = datetime.fromtimestamp(clock.now() / SECOND, UTC).year + _YEARS_LEFT
    evidence = Evidence("demo_payment", clock.now(), "demo")
    request = ProvisionRequest(CardDetails(Pan(_CARD), Expiry(year, 3)), merchant_id, _CUSTOMER, evidence)
    unit = Unit(engine)
    card = await instruments.save(caller, unit, request)
    await unit.commit()
    return DemoCard(_CUSTOMER, card.instrument.instrument_id)
