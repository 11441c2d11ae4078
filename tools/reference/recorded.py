"""Example answers of the API, from the recorded bodies in `tests/golden`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_GOLDEN: Final = Path(__file__).parents[2] / "tests" / "golden"


def recorded_answer(version: str, operation: str = "fetch_instrument") -> Any:  # noqa: ANN401  # any JSON
    """Return an operation's recorded answer in a version; without a name, a saved card."""
    return json.loads((_GOLDEN / version / f"{operation}.json").read_text(encoding="utf-8"))
