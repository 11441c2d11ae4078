"""Runs of pytest inside this process, for the tests of the plugin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

# An inner run forgets what it imported first, and some of these can be imported once only.
import cashfree_pg  # noqa: F401
import tokenvault_server.embedded  # noqa: F401

InnerRun = Callable[..., pytest.RunResult]


@pytest.fixture
def run_pytest(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> InnerRun:
    """Return a function that runs the tests in the current folder with the plugin, and with no other but those named.

    Without names there is no plugin for event loops, for the order of tests or for workers.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(*plugins: str) -> pytest.RunResult:
        names = [word for plugin in ("pytest_tokenvault.plugin", *plugins) for word in ("-p", plugin)]
        return pytester.runpytest_inprocess("-q", "-W", "error", "-p", "no:cacheprovider", *names)

    return run
