"""What 6.x calls a saved card in a list."""

from cashfree_pg.models.instrument_entity import InstrumentEntity


class InstrumentEntityForAllSavedCard(InstrumentEntity):
    """A saved card of a list."""
