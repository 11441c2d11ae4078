"""Every check has its own result, whichever of them fails."""

from __future__ import annotations

import pytest

from tokenvault_server.console.readiness import Readiness
from tokenvault_server.errors import KeyProviderError, StoreError


class Checks:
    """Two checks that fail as they are told, and what was recorded of them."""

    def __init__(self) -> None:
        self.database_error: Exception | None = None
        self.key_error: Exception | None = None
        self.recorded: dict[str, bool] = {}
        self.readiness = Readiness({"database": self.database, "master_key": self.master_key}, self.record)

    async def database(self) -> None:
        if self.database_error:
            raise self.database_error

    async def master_key(self) -> None:
        if self.key_error:
            raise self.key_error

    def record(self, name: str, is_good: bool) -> None:  # as the metrics take it
        self.recorded[name] = is_good


@pytest.fixture
def checks() -> Checks:
    return Checks()


async def test_checks_that_pass_are_recorded(checks: Checks) -> None:
    await checks.readiness.check()
    assert checks.recorded == {"database": True, "master_key": True}


async def test_a_check_that_fails_hides_no_other(checks: Checks) -> None:
    checks.database_error = StoreError("gone")
    with pytest.raises(StoreError):
        await checks.readiness.check()
    assert checks.recorded == {"database": False, "master_key": True}


async def test_of_two_failures_the_first_is_raised_and_both_are_recorded(checks: Checks) -> None:
    checks.database_error, checks.key_error = StoreError("gone"), KeyProviderError(hint="gone too")
    with pytest.raises(StoreError):
        await checks.readiness.check()
    assert checks.recorded == {"database": False, "master_key": False}


async def test_a_failure_is_recorded_without_being_raised_and_an_unforeseen_one_is_raised(checks: Checks) -> None:
    checks.key_error = KeyProviderError(hint="gone")
    await checks.readiness.observe()
    assert checks.recorded == {"database": True, "master_key": False}
    checks.key_error = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await checks.readiness.observe()
