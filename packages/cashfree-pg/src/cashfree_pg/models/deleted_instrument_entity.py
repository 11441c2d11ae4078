"""What 6.x calls a saved card that was deleted."""

from cashfree_pg.models.instrument_entity import InstrumentEntity


class DeletedInstrumentEntity(InstrumentEntity):
    """What is left of a saved card."""
