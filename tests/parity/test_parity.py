"""The official package and ours, made to do the same: whatever differs is intended, and users are told why."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.parity.conftest import RELEASES, Both, Outcome
from tests.parity.differences import ROWS, Row, kind
from tests.parity.scenarios import SCENARIOS
from tools.cashfree_page import DIFFERENCES

NOTHING = "(nothing)"


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def both(release: str, both_of: Callable[[str], Both]) -> Both:
    return both_of(release)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_differs_only_where_it_is_meant_to(scenario: str, release: str, both: Both) -> None:
    unexplained = [
        f"{field}: {theirs} there, {ours} here"
        for field, theirs, ours in differences(scenario, both)
        if not any(release in row.releases and allows(row, scenario, field, both) for row in ROWS)
    ]
    assert unexplained == []


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{number} {row.reason}") for number, row in enumerate(ROWS)])
def test_a_row_is_needed_in_each_of_its_releases(row: Row, both_of: Callable[[str], Both]) -> None:
    for release in row.releases:
        both = both_of(release)
        found = [(scenario, field) for scenario in SCENARIOS for field, _, _ in differences(scenario, both)]
        assert any(allows(row, scenario, field, both) for scenario, field in found), release


def test_each_row_has_a_reason_that_users_are_told() -> None:
    assert {row.reason for row in ROWS} <= set(DIFFERENCES)


def differences(scenario: str, both: Both) -> Iterator[tuple[str, object, object]]:
    """Gives the fields that are not the same, each with what stands in it."""
    theirs, ours = both.theirs[scenario], both.ours[scenario]
    for field in sorted(theirs.keys() | ours.keys()):
        there, here = theirs.get(field, NOTHING), ours.get(field, NOTHING)
        if there != here:
            yield field, there, here


def allows(row: Row, scenario: str, field: str, both: Both) -> bool:
    """Tells whether a row allows a field to differ."""
    theirs: Outcome = both.theirs[scenario]
    return row.covers(scenario, field, kind(theirs), kind(both.ours[scenario]))
