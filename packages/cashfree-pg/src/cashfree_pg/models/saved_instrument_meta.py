"""What a customer recognises a saved card by."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model
from cashfree_pg.models.saved_instrument_meta_card_token_details import SavedInstrumentMetaCardTokenDetails


class SavedInstrumentMeta(Model):
    """Network, bank, country and kind of a card, and what is told of its token."""

    card_network: StrictStr | None = None
    card_bank_name: StrictStr | None = None
    card_country: StrictStr | None = None
    card_type: StrictStr | None = None
    card_sub_type: StrictStr | None = None
    card_token_details: SavedInstrumentMetaCardTokenDetails | None = None
