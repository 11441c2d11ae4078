"""Migrations of the tests' own, in a package that a test may import."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


class Package:
    """A package on disk with a folder of migrations."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder / "migrations"
        self._folder.mkdir(parents=True)
        (folder / "__init__.py").touch()

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()


def importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Make a package in a folder that Python imports from until the test ends."""
    monkeypatch.syspath_prepend(folder)
    made = Package(folder / f"schema_{folder.name}")
    monkeypatch.setitem(sys.modules, made.name, __import__(made.name))
    return made
