"""`make ha-test`: failures of a cluster of three nodes under load; checks that no acknowledged call is lost."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from time import monotonic

from tests.ha import network, sandbox
from tests.ha.records import CallRecords


def main() -> int:
    """Run the test once and print the report; return 1 if there are faults."""
    sandbox.enter()
    from tests.ha.failover import FailoverTest  # imported after `enter`, which starts the program again

    network.set_up()
    began = monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tokenvault-ha-"))

    def report(message: str) -> None:
        print(f"{monotonic() - began:7.1f} s  {message}", flush=True)

    try:
        test = FailoverTest(folder, report)
        found = test.run()
    except BaseException:
        print(f"\nlogs: {folder}", file=sys.stderr)
        raise
    _report(test.records)
    for fault in found[:20]:
        print(fault)
    verdict = "FAILED" if found else "passed"
    print(f"{verdict}  every acknowledged call took effect once: {len(found)} faults, {monotonic() - began:.0f} s")
    test.cluster.stop()
    if found or "--keep" in sys.argv:
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    return bool(found)


def _report(records: CallRecords) -> None:
    print(f"\n{len(records.acknowledged):,} calls acknowledged: {len(records.saved):,} cards saved, ", end="")
    print(f"{len(records.deleted):,} deleted, {len(records.spent):,} cryptograms")
    print(f"{records.replayed:,} of them had taken effect before their answer was lost; the repeat did not act again\n")
    for (kind, outcome), times in sorted(records.outcomes.items()):
        print(f"  {kind:<12}{outcome:<36}{times:>8,}")
    print()


if __name__ == "__main__":
    sys.exit(main())
