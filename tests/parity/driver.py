"""Run the scenarios with the `cashfree_pg` of this environment, and print the outcomes as one JSON object."""

from __future__ import annotations

import json
import sys

from tests.parity.description import table
from tests.parity.scenarios import SCENARIOS
from tests.parity.styles import Sdk, Settings


def main() -> None:
    """Read the style and the settings from stdin, and run every scenario."""
    message = json.load(sys.stdin)
    settings = Settings(**message["settings"])
    sdk = Sdk(message["style"], settings)
    outcomes = {name: _outcome(name, sdk) for name in SCENARIOS}
    sys.stdout.write(json.dumps(outcomes).replace(settings.key_prefix, "prefix"))


def _outcome(name: str, sdk: Sdk) -> object:
    try:
        return table(SCENARIOS[name](sdk))
    except Exception as error:  # noqa: BLE001  # every exception is an outcome for a merchant
        return table(error)


if __name__ == "__main__":
    main()
