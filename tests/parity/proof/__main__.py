"""Print the proof: the behaviour of the official SDK and of Tokenvault's, as one server observes it, for each defect.

`python -m tests.parity.proof` prints all defects, `python -m tests.parity.proof hidden_repeats` only the named ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.parity.proof.defects import DEFECTS, Verdict, no_timeout
from tests.parity.proof.sdks import Sdk, client, drop_in, official

SDKS = (official, drop_in, client)


def main(names: list[str]) -> int:
    """Print a block for each defect. Return 1 if one of Tokenvault's SDKs has a defect."""
    chosen = [defect for defect in DEFECTS if defect.__name__ in names or not names]
    has_own_defect = False
    with ThreadPoolExecutor(len(SDKS)) as executor, ExitStack() as stack:
        sdks = [stack.enter_context(create()) for create in SDKS]
        # A run without a timeout only waits. It starts first, in its own process, beside the other runs.
        waiting = [executor.submit(_run_no_timeout, sdk) for sdk in SDKS] if no_timeout in chosen else []
        for defect in chosen:
            _print(f"{defect.__name__}: {defect.__doc__}")
            for number, sdk in enumerate(sdks):
                verdict = waiting[number].result() if defect is no_timeout else defect(sdk)
                _print(f"  {_padded(sdk, sdks)}  {'right' if verdict.right else 'WRONG'}  {verdict.seen}")
                has_own_defect |= not (verdict.right or sdk.is_official)
    _print("")
    return int(has_own_defect)


def _run_no_timeout(create: Callable[[], Sdk]) -> Verdict:
    with create() as sdk:
        return no_timeout(sdk)


def _padded(sdk: Sdk, sdks: list[Sdk]) -> str:
    return sdk.name.ljust(max(len(each.name) for each in sdks))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
