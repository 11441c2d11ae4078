"""The details by which a customer recognises a saved card."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model
from cashfree_pg.models.saved_instrument_meta_card_token_details import SavedInstrumentMetaCardTokenDetails


class SavedInstrumentMeta(Model):
    """Network, bank, country and type of a card, and the details of its token."""

    card_network: StrictStr | None = None
    card_bank_name: StrictStr | None = None
    card_country: StrictStr | None = None
    card_type: StrictStr | None = None
    card_sub_type: StrictStr | None = None
    card_token_details: SavedInstrumentMetaCardTokenDetails | None = None
