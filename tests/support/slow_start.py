"""`tokenvault` whose API workers start slowly.

`python -m tests.support.slow_start FILE serve ...` writes the file when a worker starts. Workers import this too.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from granian.server import mp

SLEEP_SECONDS: Final = 1

_ASGI_WORKER: Final = "ASGIWorker"
_REACHED: Final = "TESTS_REACHED_FILE"
_start = vars(mp)[_ASGI_WORKER]


def _start_slowly(*arguments: Any) -> Any:
    """Do what granian does between opening the vault and serving, as slowly as a busy machine."""
    Path(os.environ[_REACHED]).write_text("reached")
    time.sleep(SLEEP_SECONDS)
    return _start(*arguments)


vars(mp)[_ASGI_WORKER] = _start_slowly

if __name__ == "__main__":
    from tokenvault_server.cli import main

    os.environ[_REACHED] = sys.argv.pop(1)
    main()
