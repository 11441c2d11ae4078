"""Prints the proof: for each defect what the official SDK does and what ours do, as the same server sees it.

`python -m tests.parity.proof`, or with the names of some defects, `python -m tests.parity.proof hidden_repeats`.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from tests.parity.proof.defects import DEFECTS, no_timeout
from tests.parity.proof.sdks import Sdk, official, our_client, our_drop_in


def main(names: list[str]) -> int:
    """Prints a block for each defect; gives 1 if one of ours does wrong somewhere."""
    chosen = [defect for defect in DEFECTS if defect.__name__ in names or not names]
    sdks = [official(), our_drop_in(), our_client()]
    wrong = set()
    with ThreadPoolExecutor(len(sdks)) as waiting:
        # Who waits for a timeout does nothing meanwhile: these are begun first.
        late = {sdk: waiting.submit(no_timeout, sdk) for sdk in sdks if no_timeout in chosen}
        for defect in chosen:
            _print(f"{defect.__name__}: {defect.__doc__}")
            for sdk in sdks:
                verdict = late[sdk].result() if defect is no_timeout else defect(sdk)
                _print(f"  {_padded(sdk, sdks)}  {'right' if verdict.right else 'WRONG'}  {verdict.seen}")
                wrong |= set() if verdict.right else {sdk}
    _print("")
    return int(not wrong <= {official()})


def _padded(sdk: Sdk, sdks: list[Sdk]) -> str:
    return sdk.name.ljust(max(len(each.name) for each in sdks))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
