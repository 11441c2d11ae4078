"""How long a test searches: briefly in every run, at length in `make soak`."""

from __future__ import annotations

import os
from typing import Final

SOAKS: Final = os.environ.get("TEST_SOAK") == "1"


def effort(usual: int, soak: int) -> int:
    """Return how many rounds, examples or calls a test makes in this run."""
    return soak if SOAKS else usual
