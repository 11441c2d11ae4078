"""The function that ARCHITECTURE.md shows."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path
from typing import Final

from tokenvault_server.api.pipeline import Pipeline

PATH: Final = Path(__file__).parents[2] / "ARCHITECTURE.md"


def page() -> str:
    """Return ARCHITECTURE.md with the current source of that function."""
    source = textwrap.dedent(inspect.getsource(Pipeline.handle))
    text = PATH.read_text(encoding="utf-8")
    before, fence, rest = text.partition("```python\n")
    return before + fence + source + rest[rest.index("```") :]
