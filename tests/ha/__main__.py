"""`make ha-test`: three nodes, two servers, a load; what may befall a cluster befalls it; was every word kept?"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from time import monotonic

from tests.ha import network, sandbox
from tests.ha.records import CallRecords


def main() -> int:
    """Run the test once and print the report; 1 when a word was not kept."""
    sandbox.enter()
    from tests.ha.failover import FailoverTest  # its imports would be done twice

    network.set_up()
    began = monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tokenvault-ha-"))

    def say(words: str) -> None:
        print(f"{monotonic() - began:7.1f} s  {words}", flush=True)

    try:
        test = FailoverTest(folder, say)
        wrong = test.run()
    except BaseException:
        print(f"\nlogs: {folder}", file=sys.stderr)
        raise
    _report(test.records)
    for fault in wrong[:20]:
        print(fault)
    verdict = "NOT KEPT" if wrong else "kept"
    print(f"{verdict}  what was acknowledged is there, once: {len(wrong)} faults, {monotonic() - began:.0f} s")
    test.cluster.end()
    if wrong or "--keep" in sys.argv:
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    return bool(wrong)


def _report(records: CallRecords) -> None:
    print(f"\n{len(records.acknowledged):,} acts acknowledged: {len(records.saved):,} cards saved, ", end="")
    print(f"{len(records.deleted):,} deleted, {len(records.spent):,} cryptograms")
    print(f"{records.replayed:,} of them had been done before anybody was told, and were not done again\n")
    for (kind, outcome), times in sorted(records.outcomes.items()):
        print(f"  {kind:<12}{outcome:<36}{times:>8,}")
    print()


if __name__ == "__main__":
    sys.exit(main())
