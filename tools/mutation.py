"""Run mutation tests of the code for authentication, rate limits, idempotency and versions.

mutmut needs one `src` folder, so it works in a copy below `.cache/mutation`. A mutant that has not changed since the
last run is not tested again, unless it survived. Each survivor must be in `tests/mutation/survivors.toml` with the
reason why no test can detect it. A survivor without a reason fails the run, and so does a reason without a survivor.
The results go to `tests/mutation/RESULTS.md`. The Makefile's `mutation` target calls this; `[tool.mutmut]` in
`pyproject.toml` names the modules and the tests.
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
WORK_COPY = ROOT / ".cache" / "mutation"
SURVIVORS = ROOT / "tests" / "mutation" / "survivors.toml"
RESULTS = ROOT / "tests" / "mutation" / "RESULTS.md"
MUTMUT = str(Path(sys.executable).with_name("mutmut"))

KILLED = ("killed", "timeout", "segfault")
"""A test failed, did not end, or crashed the interpreter."""

HEAD = """# Mutation test results

Written by `make mutation`: mutmut {version} changes one operator, argument, literal or branch at a time, and runs the
module's tests until one of them fails. Last run {when}: {total:,} mutants, {killed:,} killed, {survived} survived.
"""


@dataclass(frozen=True, slots=True, order=True)
class Survivor:
    """A mutant that no test detected: its function, the original line and the changed line."""

    function: str
    was: str
    becomes: str


def main() -> int:
    """Return 0 if each mutant was killed or has a reason to survive."""
    parser = argparse.ArgumentParser(description="Change the code and check that a test fails.")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants to test at a time")
    parser.add_argument("--anew", action="store_true", help="ignore the results of earlier runs")
    options = parser.parse_args()
    if options.anew:
        shutil.rmtree(WORK_COPY, ignore_errors=True)
    update_copy()
    statuses = run_mutants(options.jobs)
    survivors = sorted(describe(mutant) for mutant in survivors_of(statuses))
    reasons = read_reasons()
    RESULTS.write_text(page(statuses, survivors, reasons), encoding="utf-8")
    return report(survivors, reasons)


def update_copy() -> None:
    """Update the copy: packages below one `src` folder, tests and configuration."""
    wanted = {"pyproject.toml": ROOT / "pyproject.toml"}
    for folder, prefix in [(ROOT / "tests", "tests"), *((each, "src") for each in ROOT.glob("packages/*/src"))]:
        wanted |= {f"{prefix}/{path.relative_to(folder)}": path for path in files_of(folder)}
    mutants = WORK_COPY / "mutants"
    for name, path in wanted.items():
        refresh(path, WORK_COPY / name)
        if mutants.exists() and path.suffix != ".py":
            refresh(path, mutants / name)  # mutmut copies other files once and does not update them
    for below in (WORK_COPY, mutants):
        for path in [*files_of(below / "src"), *files_of(below / "tests")]:
            if str(path.relative_to(below)).removesuffix(".meta").removesuffix(".spans") not in wanted:
                path.unlink()


def refresh(path: Path, copy: Path) -> None:
    """Copy a file if it differs. An unchanged copy keeps its age, which mutmut compares."""
    if not copy.exists() or copy.read_bytes() != path.read_bytes():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def files_of(folder: Path) -> list[Path]:
    """Return the files below a folder, without compiled ones."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def run_mutants(jobs: int) -> dict[str, str]:
    """Test new and changed mutants, then earlier survivors again; return the status of every mutant."""
    earlier = survivors_of(read_statuses()) if (WORK_COPY / "mutants").exists() else set()
    run = [MUTMUT, "run", "--max-children", str(jobs)]
    subprocess.run(run, cwd=WORK_COPY, check=True)
    if again := survivors_of(read_statuses()) & earlier:
        subprocess.run([*run, *sorted(again)], cwd=WORK_COPY, check=True)
    return read_statuses()


def survivors_of(statuses: dict[str, str]) -> set[str]:
    """Return the mutants that survived."""
    return {mutant for mutant, status in statuses.items() if status not in KILLED}


def read_statuses() -> dict[str, str]:
    """Return the status of each mutant, by its name."""
    output = mutmut("results", "--all", "true")
    return dict(line.strip().rsplit(": ", 1) for line in output.splitlines() if ": " in line)


def describe(mutant: str) -> Survivor:
    """Return what a mutant changed."""
    lines = mutmut("show", mutant).splitlines()
    was, becomes = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(sign * 3))
        for sign in "-+"
    )
    return Survivor(readable(mutant), was, becomes)


def readable(mutant: str) -> str:
    """Return the dotted name of the function that a mutant changed."""
    module, _, mangled = mutant.partition("__mutmut_")[0].rpartition(".")
    name = mangled.removeprefix("x_") if mangled.startswith("x_") else mangled[1:].strip("ǁ").replace("ǁ", ".")
    return f"{module.partition('.')[2]}.{name}"


def mutmut(*arguments: str) -> str:
    """Run a mutmut command in the copy and return its output."""
    return subprocess.run([MUTMUT, *arguments], cwd=WORK_COPY, check=True, capture_output=True, text=True).stdout


def read_reasons() -> dict[Survivor, str]:
    """Return the reasons in `survivors.toml`, by their survivors."""
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {Survivor(each["function"], each["was"], each["becomes"]): each["reason"] for each in entries}


def page(statuses: dict[str, str], survivors: list[Survivor], reasons: dict[Survivor, str]) -> str:
    """Return the page of results."""
    killed = sum(status in KILLED for status in statuses.values())
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    head = HEAD.format(
        version=version("mutmut"), when=when, total=len(statuses), killed=killed, survived=len(statuses) - killed
    )
    return "\n".join([head, *table(statuses), "", *explained(survivors, reasons)]).rstrip() + "\n"


def table(statuses: dict[str, str]) -> list[str]:
    """Return a table row for each module: mutants, killed, survived."""
    modules: dict[str, Counter[bool]] = {}
    for mutant, status in statuses.items():
        module = ".".join(readable(mutant).split(".")[:2])
        modules.setdefault(module, Counter())[status in KILLED] += 1
    rows = ["| module | mutants | killed | survived |", "| --- | ---: | ---: | ---: |"]
    for module, count in sorted(modules.items()):
        rows.append(f"| `{module}` | {count.total()} | {count[True]} | {count[False]} |")
    return rows


def explained(survivors: list[Survivor], reasons: dict[Survivor, str]) -> list[str]:
    """Return a paragraph for each survivor."""
    if not survivors:
        return []
    lines = ["## Survivors, and why", ""]
    for each in survivors:
        why = reasons.get(each, "**no reason given**")
        lines += [f"`{each.function}`", "", "```diff", f"-{each.was}", f"+{each.becomes}", "```", "", why, ""]
    return lines


def report(survivors: list[Survivor], reasons: dict[Survivor, str]) -> int:
    """Report survivors without a reason and reasons without a survivor; return 1 if there are any."""
    unexplained = sorted(set(survivors) - reasons.keys())
    outdated = sorted(reasons.keys() - set(survivors))
    for each in unexplained:
        print(f"no test detects, in {each.function}:\n  -{each.was}\n  +{each.becomes}", file=sys.stderr)
    for each in outdated:
        print(
            f"survivors.toml explains a mutant that is killed or gone, in {each.function}:\n  +{each.becomes}",
            file=sys.stderr,
        )
    return 1 if unexplained or outdated else 0


if __name__ == "__main__":
    os.nice(15)
    raise SystemExit(main())
