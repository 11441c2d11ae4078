"""The data of a webhook event, by the official name."""

from cashfree_pg.models._model import Model
from cashfree_pg.models.instrument_entity import InstrumentEntity


class InstrumentWebhookDataEntity(Model):
    """The card that an event is about."""

    instrument: InstrumentEntity | None = None
