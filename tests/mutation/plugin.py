"""A pytest plugin for `make mutation`: the tests named after the changed module run first, and all run alike each time.

Most changes then cost a handful of tests instead of half of all those that pass through the module. A test that fails
by chance, or because the machine is busy, would count as one that noticed. What a change does it does on every
database, so SQLite alone is asked: a PostgreSQL would have to be started for each change.
"""

from __future__ import annotations

import os

import hypothesis
import pytest

hypothesis.settings.register_profile("mutation", deadline=None, derandomize=True, database=None)


def pytest_configure() -> None:
    hypothesis.settings.load_profile("mutation")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if "[postgresql" not in item.name]
    module = os.environ.get("MUTANT_UNDER_TEST", "").partition(".x")[0].rpartition(".")[2]
    if module:
        items.sort(key=lambda item: module.removesuffix("s") not in item.path.stem)
