"""`make ha-test`: three nodes, two servers, a load; what may befall a cluster befalls it; was every word kept?"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from time import monotonic

from tests.ha import network, sandbox
from tests.ha.tally import Tally


def main() -> int:
    """Run the story once and print the report; 1 when a word was not kept."""
    sandbox.enter()
    from tests.ha.story import Story  # its imports would be done twice

    network.set_up()
    began = monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tokenvault-ha-"))

    def say(words: str) -> None:
        print(f"{monotonic() - began:7.1f} s  {words}", flush=True)

    try:
        story = Story(folder, say)
        wrong = story.run()
    except BaseException:
        print(f"\nlogs: {folder}", file=sys.stderr)
        raise
    _report(story.tally)
    for fault in wrong[:20]:
        print(fault)
    verdict = "NOT KEPT" if wrong else "kept"
    print(f"{verdict}  what was acknowledged is there, once: {len(wrong)} faults, {monotonic() - began:.0f} s")
    story.cluster.end()
    if wrong or "--keep" in sys.argv:
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    return bool(wrong)


def _report(tally: Tally) -> None:
    print(f"\n{len(tally.acknowledged):,} acts acknowledged: {len(tally.saved):,} cards saved, ", end="")
    print(f"{len(tally.deleted):,} deleted, {len(tally.spent):,} cryptograms")
    print(f"{tally.replayed:,} of them had been done before anybody was told, and were not done again\n")
    for (kind, outcome), times in sorted(tally.outcomes.items()):
        print(f"  {kind:<12}{outcome:<36}{times:>8,}")
    print()


if __name__ == "__main__":
    sys.exit(main())
