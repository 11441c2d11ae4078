"""Goes through the scenarios with the `cashfree_pg` of this environment and prints what came, as one JSON object."""

from __future__ import annotations

import json
import sys

from tests.parity.description import table
from tests.parity.scenarios import SCENARIOS
from tests.parity.styles import Places, Sdk


def main() -> None:
    """Reads where to call and in which style from stdin."""
    told = json.load(sys.stdin)
    places = Places(**told["places"])
    sdk = Sdk(told["style"], places)
    outcomes = {name: _outcome(name, sdk) for name in SCENARIOS}
    sys.stdout.write(json.dumps(outcomes).replace(places.side, "side"))


def _outcome(name: str, sdk: Sdk) -> object:
    try:
        return table(SCENARIOS[name](sdk))
    except Exception as error:  # noqa: BLE001  # whatever a merchant's code would meet is the outcome
        return table(error)


if __name__ == "__main__":
    main()
