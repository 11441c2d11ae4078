"""A process that runs the functions of a file of programs, one for each line of its input.

    python program.py FILE

Each line of stdin is a JSON object with `program` and `base_url`. The response is a line of JSON with the class of the
exception, if any, and the duration. It runs in the environment of an SDK, where nothing of this repository can be
imported. One process serves many runs, because importing the official SDK takes most of a second.
"""

import json
import os
import runpy
import sys
import time
from typing import Any


def main(file: str) -> None:
    """Load the programs, and with them the SDK, before the first run: the duration must not include the import."""
    programs = runpy.run_path(file)
    for line in sys.stdin:
        request = json.loads(line)
        os.environ["BASE_URL"] = request["base_url"]
        programs["prepare"]()
        started = time.monotonic()
        raised = exception_name(programs[request["program"]])
        sys.stdout.write(json.dumps({"raised": raised, "seconds": time.monotonic() - started}) + "\n")
        sys.stdout.flush()


def exception_name(run: Any) -> str | None:
    """Run a program, and return the class of its exception, or None."""
    try:
        run()
    except Exception as error:  # noqa: BLE001  # every exception is a result for a merchant
        return type(error).__name__
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
