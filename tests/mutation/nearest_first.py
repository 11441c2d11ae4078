"""A pytest plugin for `make mutation`: the tests that are named after the changed module run before the others.

Most changes then cost a handful of tests instead of half of all those that pass through the module.
"""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    module = os.environ.get("MUTANT_UNDER_TEST", "").partition(".x")[0].rpartition(".")[2]
    if module:
        items.sort(key=lambda item: module.removesuffix("s") not in item.path.stem)
