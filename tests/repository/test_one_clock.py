"""Only `domain/clock.py` asks the machine for the time of day; durations may be measured anywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.repository import tree

SERVER = tree.ROOT / "packages/server/src/tokenvault_server"
CLOCK = SERVER / "domain/clock.py"
FORBIDDEN = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}


def moments(source: str) -> Iterator[str]:
    """Yield each use of a function that returns the time of day, by attribute or by import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            name = f"{ast.unparse(node.value).rpartition('.')[2]}.{node.attr}"
            if name in FORBIDDEN:
                yield name
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"{node.module}.{each.name}" for each in node.names if f"{node.module}.{each.name}" in FORBIDDEN
            )


def test_only_the_clock_knows_the_time_of_day() -> None:
    found = {
        str(file.relative_to(SERVER)): names
        for file in sorted(SERVER.rglob("*.py"))
        if file != CLOCK and (names := list(moments(file.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_the_search_finds_every_form() -> None:
    forms = ["import time", "from time import time_ns", "time.time()", "datetime.datetime.now(UTC)"]
    source = "\n".join([*forms, "time.perf_counter()", "clock.now()"])
    assert sorted(moments(source)) == ["datetime.now", "time.time", "time.time_ns"]
