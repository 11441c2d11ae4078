"""A saved card."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model
from cashfree_pg.models.saved_instrument_meta import SavedInstrumentMeta


class InstrumentEntity(Model):
    """A saved card of a customer. `instrument_display` ends in the last four digits of the card."""

    customer_id: StrictStr | None = None
    afa_reference: StrictStr | None = None
    instrument_id: StrictStr | None = None
    instrument_type: StrictStr | None = None
    instrument_uid: StrictStr | None = None
    instrument_display: StrictStr | None = None
    instrument_status: StrictStr | None = None
    created_at: StrictStr | None = None
    instrument_meta: SavedInstrumentMeta | None = None
