"""A webhook event about a saved card."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model
from cashfree_pg.models.instrument_webhook_data import InstrumentWebhookData


class InstrumentWebhook(Model):
    """A webhook event. It reads `data.instrument`; the official model expects `data.data.instrument`."""

    data: InstrumentWebhookData | None = None
    event_time: StrictStr | None = None
    type: StrictStr | None = None
