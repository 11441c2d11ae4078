"""The flags that the benches share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how hard to measure."""

    seconds: float
    rounds: int
    connections: int
    quick: bool


def parse(question: str | None, usual: Options) -> Options:
    """The options of the command line; `--quick` only proves that the bench works, its figures mean nothing."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of each measurement [%(default)s]")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="of which the medians count [%(default)s]")
    parser.add_argument("--connections", type=int, default=usual.connections, help="or callers [%(default)s]")
    parser.add_argument("--quick", action="store_true", help="as short as can be: proves that the bench works")
    chosen = parser.parse_args()
    if chosen.quick:
        return Options(seconds=0.1, rounds=1, connections=4, quick=True)
    return Options(chosen.seconds, chosen.rounds, chosen.connections, quick=False)
