"""Environments beside the main one: how they get our packages and run tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))


def uv() -> str:
    """Return the path of uv, which is in the main environment."""
    return os.environ.get("UV", str(ROOT / ".venv" / "bin" / "uv"))


def install_packages(python: Path) -> None:
    """Install our packages into an environment, in place and without their dependencies."""
    editable = [argument for package in PACKAGES for argument in ("--editable", str(package))]
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([uv(), "pip", "install", *options, "--python", python, *editable], cwd=ROOT, check=True)


def run_tests(python: Path, arguments: list[str]) -> int:
    """Run pytest in an environment; return its exit code."""
    jobs = os.environ.get("JOBS", "2")
    return subprocess.run(
        [python, "-m", "pytest", "-q", "-n", jobs, "--dist=worksteal", *arguments], cwd=ROOT, check=False
    ).returncode
