"""The data of a webhook event."""

from typing import Any

from cashfree_pg.models._model import Model
from cashfree_pg.models.instrument_entity import InstrumentEntity


class InstrumentWebhookData(Model):
    """The card that an event is about, and the error if saving it failed."""

    instrument: InstrumentEntity | None = None
    error_details: dict[str, Any] | None = None
