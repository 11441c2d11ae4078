"""Changes the code that says who may do what, and how often, bit by bit, and asks whether a test notices.

mutmut wants one `src` folder, so it works in a copy below `.cache/mutation`. What did not change since the last run is
not tried again, unless no test noticed it. A change that no test notices must stand in `tests/mutation/survivors.toml`
with the reason why none can; one that does not fails the run, and so does a reason that has lost its change. The
outcome is written to `tests/mutation/RESULTS.md`. Neighbours: the Makefile, whose `mutation` target calls this;
`[tool.mutmut]` in `pyproject.toml`, which names the modules and the tests.
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
    parser.add_argument("--anew", action="store_true", help="forget what earlier runs found")
    options = parser.parse_args()
    if options.anew:
        shutil.rmtree(WORKSHOP, ignore_errors=True)
    furnish()
    statuses = tried(options.jobs)
    survivors = sorted(describe(mutant) for mutant in unnoticed(statuses))
    reasons = read_reasons()
    RESULTS.write_text(page(statuses, survivors, reasons), encoding="utf-8")
    return complain(survivors, reasons)


def furnish() -> None:
    """Brings the copy up to date: packages below one `src` folder, tests and configuration."""
    wanted = {"pyproject.toml": ROOT / "pyproject.toml"}
    for folder, prefix in [(ROOT / "tests", "tests"), *((each, "src") for each in ROOT.glob("packages/*/src"))]:
        wanted |= {f"{prefix}/{path.relative_to(folder)}": path for path in files_of(folder)}
    mutants = WORKSHOP / "mutants"
    for name, path in wanted.items():
        renew(path, WORKSHOP / name)
        if mutants.exists() and path.suffix != ".py":
            renew(path, mutants / name)  # mutmut copies what is no Python once, and never looks again
    for below in (WORKSHOP, mutants):
        for path in [*files_of(below / "src"), *files_of(below / "tests")]:
            if str(path.relative_to(below)).removesuffix(".meta").removesuffix(".spans") not in wanted:
                path.unlink()


def renew(path: Path, copy: Path) -> None:
    """Makes a copy what its file is; then it is as young as this run, for mutmut goes by age."""
    if not copy.exists() or copy.read_bytes() != path.read_bytes():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def files_of(folder: Path) -> list[Path]:
    """Gives the files below a folder that somebody wrote."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def tried(jobs: int) -> dict[str, str]:
    """Tries what is new or has changed, then once more what no test noticed before; gives all that is known."""
    earlier = unnoticed(read_statuses()) if (WORKSHOP / "mutants").exists() else set()
    run = [MUTMUT, "run", "--max-children", str(jobs)]
    subprocess.run(run, cwd=WORKSHOP, check=True)
    if again := unnoticed(read_statuses()) & earlier:
        subprocess.run([*run, *sorted(again)], cwd=WORKSHOP, check=True)
    return read_statuses()


def unnoticed(statuses: dict[str, str]) -> set[str]:
    """Gives the mutants that no test noticed."""
    return {mutant for mutant, status in statuses.items() if status not in KILLED}


def read_statuses() -> dict[str, str]:
    """Gives what became of each mutant, by its name."""
    message = tell("results", "--all", "true")
    return dict(line.strip().rsplit(": ", 1) for line in message.splitlines() if ": " in line)


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
    message = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {Survivor(each["function"], each["was"], each["becomes"]): each["reason"] for each in message}


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
