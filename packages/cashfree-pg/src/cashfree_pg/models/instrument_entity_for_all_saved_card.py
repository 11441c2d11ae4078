"""A saved card in a list, in 6.x."""

from cashfree_pg.models.instrument_entity import InstrumentEntity


class InstrumentEntityForAllSavedCard(InstrumentEntity):
    """A saved card in a list."""
