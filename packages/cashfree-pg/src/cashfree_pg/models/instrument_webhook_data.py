"""The data of a webhook event, or the whole event."""

from typing import Any

from pydantic import StrictStr

from cashfree_pg.models._model import Model
from cashfree_pg.models.instrument_entity import InstrumentEntity
from cashfree_pg.models.instrument_webhook_data_entity import InstrumentWebhookDataEntity


class InstrumentWebhookData(Model):
    """The card that an event is about, and the error if saving it failed: the `data` of an `InstrumentWebhook`.

    As in the official package, this is also the model of a whole event, with its own `data`, `event_time` and `type`.
    """

    instrument: InstrumentEntity | None = None
    error_details: dict[str, Any] | None = None
    data: InstrumentWebhookDataEntity | None = None
    event_time: StrictStr | None = None
    type: StrictStr | None = None
