"""The command line options that all benchmarks share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The duration and the load of a measurement."""

    seconds: float
    rounds: int
    connections: int
    quick: bool


def parser(question: str | None, usual: Options) -> argparse.ArgumentParser:
    """Return a parser of the common options. Every bench accepts all of them, even if it does not use one."""
    flags = argparse.ArgumentParser(description=question)
    flags.add_argument("--seconds", type=float, default=usual.seconds, help="of each measurement [%(default)s]")
    flags.add_argument("--rounds", type=int, default=usual.rounds, help="of which the medians count [%(default)s]")
    flags.add_argument("--connections", type=int, default=usual.connections, help="or callers [%(default)s]")
    flags.add_argument("--quick", action="store_true", help="as short as can be: proves that the bench works")
    return flags


def parse(question: str | None, usual: Options) -> Options:
    """Return the options of the command line."""
    return chosen(parser(question, usual).parse_args())


def chosen(flags: argparse.Namespace) -> Options:
    """Return the common options. `--quick` only checks that the bench works; its figures mean nothing."""
    if flags.quick:
        return Options(seconds=0.05, rounds=1, connections=4, quick=True)
    return Options(flags.seconds, flags.rounds, flags.connections, quick=False)
