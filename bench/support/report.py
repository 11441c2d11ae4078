"""Print results: the machine, tables for a terminal and RESULTS.md, and whether goals are met."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def print_heading(question: str) -> None:
    """Print the subject, options, time and machine of a measurement."""
    print(f"{question}")
    print(f"  {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, python -m {_module()} {' '.join(sys.argv[1:])}".rstrip())
    print(f"  {_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, Linux {platform.release()}, ", end="")
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start")
    print()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their columns; the first column is text, the others are figures."""
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    for line in (columns, *rows):
        first, *others = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]))
    print()


def print_goal(goal: str, reached: float, wanted: float, *, at_most: bool = False, unit: str = "") -> None:
    """Print one goal, and whether this run met it."""
    met = reached <= wanted if at_most else reached >= wanted
    relation = "at most" if at_most else "at least"
    verdict = "goal met     " if met else "goal NOT MET "
    print(f"{verdict} {goal}: {_figure(reached)}{unit}, wanted {relation} {_figure(wanted)}{unit}")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _module() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec else Path(sys.argv[0]).stem


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
