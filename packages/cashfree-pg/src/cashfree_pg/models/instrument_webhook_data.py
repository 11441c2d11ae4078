"""What a notification tells."""

from typing import Any

from cashfree_pg.models._model import Model
from cashfree_pg.models.instrument_entity import InstrumentEntity


class InstrumentWebhookData(Model):
    """The saved card that a notification is about, and why it failed if it did."""

    instrument: InstrumentEntity | None = None
    error_details: dict[str, Any] | None = None
