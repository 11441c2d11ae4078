"""Changes the code that says who may do what, and how often, bit by bit, and asks whether a test notices.

mutmut wants one `src` folder, so it works in a copy below `.cache/mutation`, made anew for each run. A change that no
test notices must stand in `tests/mutation/survivors.toml` with the reason why nobody could; one that does not fails the
run, and so does a reason that has lost its change. The outcome is written to `tests/mutation/RESULTS.md`.
Neighbours: the Makefile, whose `mutation` target calls this; `[tool.mutmut]` in `pyproject.toml`, which names the
modules and the tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKSHOP = ROOT / ".cache" / "mutation"
SURVIVORS = ROOT / "tests" / "mutation" / "survivors.toml"
RESULTS = ROOT / "tests" / "mutation" / "RESULTS.md"
MUTMUT = str(Path(sys.executable).with_name("mutmut"))

KILLED = ("killed", "timeout", "segfault")
"""A test failed, never ended, or took the interpreter down with it."""

HEAD = """# What the tests notice

Written by `make mutation`: mutmut {version} changes one operator, argument, literal or branch at a time, and the tests
of the module run until one of them fails. Last run {when}: {total:,} changes, {killed:,} noticed, {survived} not.
"""


@dataclass(frozen=True, slots=True, order=True)
class Survivor:
    """One change that no test noticed: where, what the line said, what it says now."""

    function: str
    was: str
    becomes: str


def main() -> int:
    """Gives 0 when each change is noticed, or has its reason."""
    parser = argparse.ArgumentParser(description="Change the code and see whether a test notices.")
    parser.add_argument("--jobs", type=int, default=1, help="how many changes are tried at a time")
    parser.add_argument("--again", action="store_true", help="write the results of the last run anew")
    options = parser.parse_args()
    if not options.again:
        furnish()
        subprocess.run([MUTMUT, "run", "--max-children", str(options.jobs)], cwd=WORKSHOP, check=True)
    statuses = read_statuses()
    survivors = sorted(describe(mutant) for mutant, status in statuses.items() if status not in KILLED)
    reasons = read_reasons()
    RESULTS.write_text(page(statuses, survivors, reasons), encoding="utf-8")
    return complain(survivors, reasons)


def furnish() -> None:
    """Copies packages, tests and configuration into one tree, with one `src` folder."""
    shutil.rmtree(WORKSHOP, ignore_errors=True)
    (WORKSHOP / "src").mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for package in sorted(ROOT.glob("packages/*/src/*/")):
        shutil.copytree(package, WORKSHOP / "src" / package.name, ignore=ignored)
    shutil.copytree(ROOT / "tests", WORKSHOP / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", WORKSHOP)


def read_statuses() -> dict[str, str]:
    """Gives what became of each mutant, by its name."""
    told = tell("results", "--all", "true")
    return dict(line.strip().rsplit(": ", 1) for line in told.splitlines() if ": " in line)


def describe(mutant: str) -> Survivor:
    """Gives what a mutant changed."""
    lines = tell("show", mutant).splitlines()
    was, becomes = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(sign * 3))
        for sign in "-+"
    )
    return Survivor(readable(mutant), was, becomes)


def readable(mutant: str) -> str:
    """Gives the dotted name of the function that a mutant changed."""
    module, _, mangled = mutant.partition("__mutmut_")[0].rpartition(".")
    name = mangled.removeprefix("x_") if mangled.startswith("x_") else mangled[1:].strip("ǁ").replace("ǁ", ".")
    return f"{module.partition('.')[2]}.{name}"


def tell(*arguments: str) -> str:
    """Gives what mutmut says about the last run."""
    return subprocess.run([MUTMUT, *arguments], cwd=WORKSHOP, check=True, capture_output=True, text=True).stdout


def read_reasons() -> dict[Survivor, str]:
    """Gives the written reasons, by the change that each is for."""
    told = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {Survivor(each["function"], each["was"], each["becomes"]): each["reason"] for each in told}


def page(statuses: dict[str, str], survivors: list[Survivor], reasons: dict[Survivor, str]) -> str:
    """Gives the page of results."""
    killed = sum(status in KILLED for status in statuses.values())
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    head = HEAD.format(
        version=version("mutmut"), when=when, total=len(statuses), killed=killed, survived=len(statuses) - killed
    )
    return "\n".join([head, *table(statuses), "", *explained(survivors, reasons)]).rstrip() + "\n"


def table(statuses: dict[str, str]) -> list[str]:
    """Gives a row for each module: changes, noticed, not noticed."""
    modules: dict[str, Counter[bool]] = {}
    for mutant, status in statuses.items():
        module = ".".join(readable(mutant).split(".")[:2])
        modules.setdefault(module, Counter())[status in KILLED] += 1
    rows = ["| module | changes | noticed | not noticed |", "| --- | ---: | ---: | ---: |"]
    for module, count in sorted(modules.items()):
        rows.append(f"| `{module}` | {count.total()} | {count[True]} | {count[False]} |")
    return rows


def explained(survivors: list[Survivor], reasons: dict[Survivor, str]) -> list[str]:
    """Gives a paragraph for each change that no test noticed."""
    if not survivors:
        return []
    lines = ["## Not noticed, and why", ""]
    for each in survivors:
        why = reasons.get(each, "**no reason is known**")
        lines += [f"`{each.function}`", "", "```diff", f"-{each.was}", f"+{each.becomes}", "```", "", why, ""]
    return lines


def complain(survivors: list[Survivor], reasons: dict[Survivor, str]) -> int:
    """Says which changes lack a reason and which reasons lack their change; 1 when there is any."""
    unexplained = sorted(set(survivors) - reasons.keys())
    outdated = sorted(reasons.keys() - set(survivors))
    for each in unexplained:
        print(f"no test notices, in {each.function}:\n  -{each.was}\n  +{each.becomes}", file=sys.stderr)
    for each in outdated:
        print(f"survivors.toml explains what is noticed, in {each.function}:\n  +{each.becomes}", file=sys.stderr)
    return 1 if unexplained or outdated else 0


if __name__ == "__main__":
    os.nice(15)
    raise SystemExit(main())
