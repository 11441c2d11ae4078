"""Build the bodies of webhook events, in the terms of the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

from tokenvault_contract import webhook_events as wire
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.webhook import Failure

ACTIVE: Final = wire.INSTRUMENT_ACTIVE
INACTIVE: Final = wire.INSTRUMENT_INACTIVE
UPDATED: Final = wire.INSTRUMENT_UPDATED
DELETED: Final = wire.INSTRUMENT_DELETED
FAILED: Final = wire.INSTRUMENT_FAILED

_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_encode = msgspec.json.Encoder().encode


def of_saved(event_type: str, instrument: Instrument, *, par: str | None, afa_reference: str, now: int) -> bytes:
    """Return the body of an event about a saved card, or about one whose token its provider has just ended."""
    meta = wire.WebhookInstrumentMeta(
        card_network=instrument.network,
        card_bank_name=instrument.issuer,
        card_country=instrument.country or None,
        card_type=instrument.card_type.removesuffix("_card"),
        sub_type=instrument.card_sub_type,
        card_par=par,
    )
    saved = wire.WebhookInstrument(
        instrument_id=instrument.instrument_id,
        customer_id=instrument.customer_id,
        afa_reference=afa_reference,
        instrument_type="card",
        instrument_uid=instrument.instrument_uid or None,
        instrument_display=_display(instrument.last4),
        # As in the API: the published SDKs know only these two statuses.
        instrument_status="ACTIVE" if instrument.status is InstrumentStatus.ACTIVE else "INACTIVE",
        added_at=_in_india(instrument.created_at),
        instrument_meta=meta,
    )
    return _encode(wire.WebhookEvent(wire.WebhookEventData(saved), _in_india(now), event_type))


def instrument_failed(instrument_id: str, failure: Failure, now: int) -> bytes:
    """Return the body of the event that a card could not be saved. No saved card has this instrument id."""
    unsaved = wire.WebhookInstrument(
        instrument_id=instrument_id,
        customer_id=failure.customer_id,
        afa_reference=failure.afa_reference,
        instrument_type="card",
        instrument_uid=None,
        instrument_display=_display(failure.last4),
        instrument_status="FAILED",
        added_at=_in_india(now),
        instrument_meta=wire.WebhookInstrumentMeta(),
    )
    details = wire.ErrorDetails(failure.code, failure.description, failure.source)
    return _encode(wire.WebhookEvent(wire.WebhookEventData(unsaved, details), _in_india(now), wire.INSTRUMENT_FAILED))


def _display(last4: str) -> str:
    return "XXXXXXXXXXXX" + last4


def _in_india(moment: int) -> str:
    """Return a moment in the format of the published example: 2022-04-14T10:44:14+05:30."""
    return datetime.fromtimestamp(moment // SECOND, UTC).astimezone(_INDIA).isoformat()
