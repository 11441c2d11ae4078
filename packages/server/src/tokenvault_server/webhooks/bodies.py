"""The bodies of notifications: the vault's words turned into the wire's."""

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
    instrument_body = wire.WebhookInstrument(
        instrument_id=instrument.instrument_id,
        customer_id=instrument.customer_id,
        afa_reference=afa_reference,
        instrument_type="card",
        instrument_uid=instrument.instrument_uid or None,
        instrument_display=_display(instrument.last4),
        # As in the API, where the published SDKs know two statuses only.
        instrument_status="ACTIVE" if instrument.status is InstrumentStatus.ACTIVE else "INACTIVE",
        added_at=_in_india(instrument.created_at),
        instrument_meta=meta,
    )
    return _encode(wire.WebhookEvent(wire.WebhookEventData(instrument_body), _in_india(now), event_type))


def of_failed(instrument_id: str, failure: Failure, now: int) -> bytes:
    """Give the body that tells of a card that could not be saved; its id names nothing in the vault."""
    instrument_body = wire.WebhookInstrument(
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
    return _encode(
        wire.WebhookEvent(wire.WebhookEventData(instrument_body, details), _in_india(now), wire.INSTRUMENT_FAILED)
    )


def _display(last4: str) -> str:
    return "XXXXXXXXXXXX" + last4


def _in_india(moment: int) -> str:
    """Write a moment as the published example does: 2022-04-14T10:44:14+05:30."""
    return datetime.fromtimestamp(moment // SECOND, UTC).astimezone(_INDIA).isoformat()
