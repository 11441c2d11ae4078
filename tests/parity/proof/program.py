"""Runs one function of a file of programs, and says in a line of JSON what became of it.

It runs in each SDK's own environment, where nothing of this repository can be imported.
"""

import json
import runpy
import sys
import time
from typing import Any


def main(file: str, program: str) -> None:
    """Loads the SDK first, so that the seconds are those of its calls."""
    run = runpy.run_path(file)[program]
    began = time.monotonic()
    raised = name_of_failure(run)
    sys.stdout.write(json.dumps({"raised": raised, "seconds": time.monotonic() - began}) + "\n")


def name_of_failure(run: Any) -> str | None:
    """Gives the class of what was raised, or None."""
    try:
        run()
    except Exception as error:  # noqa: BLE001  # whatever a merchant's code would meet
        return type(error).__name__
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
