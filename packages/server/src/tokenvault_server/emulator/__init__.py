"""The vault as a test double of itself: one process, a ready merchant, everything real. Never in production."""
