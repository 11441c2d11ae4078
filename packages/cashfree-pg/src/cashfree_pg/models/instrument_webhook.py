"""A notification about a saved card."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model
from cashfree_pg.models.instrument_webhook_data import InstrumentWebhookData


class InstrumentWebhook(Model):
    """A notification as it travels: `data.instrument`, where the official model looks for `data.data.instrument`."""

    data: InstrumentWebhookData | None = None
    event_time: StrictStr | None = None
    type: StrictStr | None = None
