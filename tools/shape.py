"""Measure the sizes of functions and files under `packages/*/src`, and fail beyond the limits.

A function counts from its `def` to its last line, docstring included. A file counts all its lines. CONTRIBUTING.md
states the limits; they only get tighter.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest acceptable median, 90th percentile (where there is one) and maximum, in lines."""

    median: float
    p90: float | None
    largest: int


FUNCTIONS = Limits(median=10, p90=30, largest=60)
FILES = Limits(median=150, p90=None, largest=400)


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """The number of lines of one function or file."""

    lines: int
    where: str


def main(root: Path = ROOT) -> int:
    """Print both tables; return exit status 1 if a limit is exceeded."""
    sources = sorted(root.glob("packages/*/src/**/*.py"))
    functions = [size for path in sources for size in function_sizes(path, root)]
    files = [size for path in sources if (size := file_size(path, root)).lines > 1]
    violations = [*report("functions", functions, FUNCTIONS), *report("files", files, FILES)]
    for violation in violations:
        print(f"  too large: {violation}", file=sys.stderr)
    return 1 if violations else 0


def function_sizes(path: Path, root: Path) -> Iterator[Size]:
    """Yield the size of every function and method of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Size(lines, f"{path.relative_to(root)}:{node.lineno} {node.name}")


def file_size(path: Path, root: Path) -> Size:
    """Return the size of a whole file."""
    return Size(len(path.read_text(encoding="utf-8").splitlines()), str(path.relative_to(root)))


def report(what: str, sizes: list[Size], limits: Limits) -> Iterator[str]:
    """Print one line of figures, and yield a message for each exceeded limit."""
    if not sizes:
        return
    lines = [size.lines for size in sizes]
    middle, p90 = median(lines), ninetieth(lines)
    largest = max(sizes)
    print(
        f"{what:>9}: {len(lines):5}   median {middle:5.1f}   90% {p90:5.1f}   largest {largest.lines}  {largest.where}"
    )
    if middle > limits.median:
        yield f"median of {what} is {middle}, at most {limits.median}"
    if limits.p90 is not None and p90 > limits.p90:
        yield f"90% of {what} are within {p90}, at most {limits.p90}"
    yield from (f"{size.where}: {size.lines} lines" for size in sorted(sizes) if size.lines > limits.largest)


def ninetieth(lines: list[int]) -> float:
    """Return the size that nine in ten do not exceed."""
    return quantiles(lines, n=10, method="inclusive")[-1] if len(lines) > 1 else lines[0]


if __name__ == "__main__":
    raise SystemExit(main())
