"""The files of the repository, as someone who clones it gets them."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {
    ".git",
    ".venv",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "htmlcov",
    "dist",
    "site",
}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or could be committed: by git where there is one, else by walking."""
    listed = _by_git() or _by_walking()
    return tuple(sorted(path for path in listed if path.is_file()))


def _by_git() -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in done.stdout.split("\0") if name]


def _by_walking() -> list[Path]:
    return [path for path in ROOT.rglob("*") if NOT_OURS.isdisjoint(path.relative_to(ROOT).parts)]


def text(path: Path) -> str:
    """What a file says; bytes that are not UTF-8 say nothing."""
    return path.read_text(encoding="utf-8", errors="ignore")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def pyprojects() -> list[Path]:
    return sorted(ROOT.glob("packages/*/pyproject.toml"))


def project(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(text(path))["project"]
    return table
