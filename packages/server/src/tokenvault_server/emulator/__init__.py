"""The vault as a test double of itself: one process, a ready merchant, real parts. Never in production."""
