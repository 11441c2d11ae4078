"""The official package and the drop-in run the same scenarios: every difference is intended and documented."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.parity.conftest import RELEASES, Outcome, Outcomes
from tests.parity.differences import ROWS, Row, kind
from tests.parity.scenarios import SCENARIOS
from tools.cashfree_page import DIFFERENCES

ABSENT = "(absent)"


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def outcomes(release: str, outcomes_of: Callable[[str], Outcomes]) -> Outcomes:
    return outcomes_of(release)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_has_only_intended_differences(scenario: str, release: str, outcomes: Outcomes) -> None:
    unexplained = [
        f"{field}: {official} in the official package, {own} in the drop-in"
        for field, official, own in differences(scenario, outcomes)
        if not any(release in row.releases and allows(row, scenario, field, outcomes) for row in ROWS)
    ]
    assert unexplained == []


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{number} {row.reason}") for number, row in enumerate(ROWS)])
def test_each_row_has_a_difference_in_each_of_its_releases(row: Row, outcomes_of: Callable[[str], Outcomes]) -> None:
    for release in row.releases:
        outcomes = outcomes_of(release)
        found = [(scenario, field) for scenario in SCENARIOS for field, _, _ in differences(scenario, outcomes)]
        assert any(allows(row, scenario, field, outcomes) for scenario, field in found), release


def test_each_row_has_a_documented_reason() -> None:
    assert {row.reason for row in ROWS} <= set(DIFFERENCES)


def differences(scenario: str, outcomes: Outcomes) -> Iterator[tuple[str, object, object]]:
    """Return the fields that differ, each with its two values."""
    official, own = outcomes.official[scenario], outcomes.own[scenario]
    for field in sorted(official.keys() | own.keys()):
        values = official.get(field, ABSENT), own.get(field, ABSENT)
        if values[0] != values[1]:
            yield field, *values


def allows(row: Row, scenario: str, field: str, outcomes: Outcomes) -> bool:
    """Return whether a row permits a field to differ."""
    official: Outcome = outcomes.official[scenario]
    return row.covers(scenario, field, kind(official), kind(outcomes.own[scenario]))
