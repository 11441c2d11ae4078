"""A deleted card, in 6.x."""

from cashfree_pg.models.instrument_entity import InstrumentEntity


class DeletedInstrumentEntity(InstrumentEntity):
    """The remains of a deleted card."""
