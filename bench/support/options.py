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


def parser(question: str | None, usual: Options) -> argparse.ArgumentParser:
    """The flags that every bench takes, so that all can be asked with the same ones; not each has a use for all."""
    flags = argparse.ArgumentParser(description=question)
    flags.add_argument("--seconds", type=float, default=usual.seconds, help="of each measurement [%(default)s]")
    flags.add_argument("--rounds", type=int, default=usual.rounds, help="of which the medians count [%(default)s]")
    flags.add_argument("--connections", type=int, default=usual.connections, help="or callers [%(default)s]")
    flags.add_argument("--quick", action="store_true", help="as short as can be: proves that the bench works")
    return flags


def parse(question: str | None, usual: Options) -> Options:
    """The options of the command line."""
    return chosen(parser(question, usual).parse_args())


def chosen(flags: argparse.Namespace) -> Options:
    """The options among flags; `--quick` only proves that the bench works, its figures mean nothing."""
    if flags.quick:
        return Options(seconds=0.05, rounds=1, connections=4, quick=True)
    return Options(flags.seconds, flags.rounds, flags.connections, quick=False)
