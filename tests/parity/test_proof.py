"""The defects of `make proof`: the official SDK has each of them, and Tokenvault's SDKs have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.docs.pages import blocks
from tests.parity.proof.__main__ import main
from tests.parity.proof.defects import DEFECTS, Defect, credentials_in_threads, no_timeout
from tests.parity.proof.sdks import Sdk, client, drop_in, official
from tests.repository import tree

OWN = [drop_in, client]
QUICK = [defect for defect in DEFECTS if defect is not no_timeout]
PAGE = "docs/explanation/side-by-side.md"

RunningSdks = Callable[[Callable[[], Sdk]], Sdk]


@pytest.fixture(scope="module")
def running_sdk() -> Iterator[RunningSdks]:
    """Return a function that starts the process of an SDK once."""
    running: dict[str, Sdk] = {}
    with ExitStack() as stack:

        def start(create: Callable[[], Sdk]) -> Sdk:
            if create.__name__ not in running:
                running[create.__name__] = stack.enter_context(create())
            return running[create.__name__]

        yield start


@pytest.mark.parametrize("defect", QUICK, ids=lambda defect: defect.__name__)
def test_the_official_sdk_has_the_defect(defect: Defect, running_sdk: RunningSdks) -> None:
    assert not defect(running_sdk(official)).right


@pytest.mark.parametrize("create", OWN, ids=lambda create: create.__name__)
@pytest.mark.parametrize("defect", QUICK, ids=lambda defect: defect.__name__)
def test_an_own_sdk_does_not_have_the_defect(
    defect: Defect, create: Callable[[], Sdk], running_sdk: RunningSdks
) -> None:
    sdk = running_sdk(create)
    # One round without crossed calls is enough here: tests/client/test_credential_isolation.py has more callers.
    verdict = credentials_in_threads(sdk, rounds=1) if defect is credentials_in_threads else defect(sdk)
    assert verdict.right, verdict.seen


def test_the_official_sdk_waits_without_a_limit() -> None:
    """The default timeout of the other SDKs, 15 seconds, is checked without waiting.

    `test_user_transports.py` of the client and `test_settings.py` of the drop-in check the default. The tests of
    deadlines check that a call ends in time. `make proof` waits for all three SDKs.
    """
    with official() as sdk:
        verdict = no_timeout(sdk, patience=2.0)
    assert (verdict.right, verdict.seen) == (False, "still waiting after 2 s")


def test_the_page_shows_and_explains_every_defect() -> None:
    page = tree.text(tree.ROOT / PAGE)
    titles = [line for line in blocks(PAGE)[1].text.splitlines() if line[0] != " "]
    assert titles == [f"{defect.__name__}: {defect.__doc__}" for defect in DEFECTS]
    assert [defect.__name__ for defect in DEFECTS if f"`{defect.__name__}`" not in page] == []


def test_the_proof_prints_a_line_for_each_sdk(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list_url"]) == 0
    title, theirs, *own = capsys.readouterr().out.splitlines()
    assert title == "list_url: A merchant fetches all saved cards of a customer."
    assert theirs.split() == ["official", "cashfree_pg", "6.0.1", "WRONG", "sends", "?instrument_type=card" * 2]
    assert [line.split()[-3:] for line in own if line] == [["right", "sends", "?instrument_type=card"]] * len(OWN)
