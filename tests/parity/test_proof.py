"""What `make proof` prints: each defect shows in the official SDK, and in none of ours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.docs.pages import blocks
from tests.parity.proof.__main__ import main
from tests.parity.proof.defects import DEFECTS, Defect, no_timeout
from tests.parity.proof.sdks import Sdk, official, our_client, our_drop_in
from tests.repository import tree

OURS = [our_drop_in(), our_client()]
QUICK = [defect for defect in DEFECTS if defect is not no_timeout]


@pytest.mark.parametrize("defect", QUICK, ids=lambda defect: defect.__name__)
def test_the_official_sdk_has_the_defect(defect: Defect) -> None:
    assert not defect(official()).right


@pytest.mark.parametrize("sdk", OURS, ids=lambda sdk: sdk.name)
@pytest.mark.parametrize("defect", QUICK, ids=lambda defect: defect.__name__)
def test_ours_has_not(defect: Defect, sdk: Sdk) -> None:
    verdict = defect(sdk)
    assert verdict.right, verdict.seen


def test_the_official_sdk_waits_for_ever_and_ours_do_not() -> None:
    with ThreadPoolExecutor() as together:
        theirs, *ours = together.map(no_timeout, [official(), *OURS])
    assert (theirs.right, [verdict.right for verdict in ours]) == (False, [True, True])


def test_the_page_shows_every_defect_and_explains_it() -> None:
    page = tree.text(tree.ROOT / "docs/explanation/side-by-side.md")
    shown = [line for line in blocks("docs/explanation/side-by-side.md")[1].text.splitlines() if line[0] != " "]
    assert shown == [f"{defect.__name__}: {defect.__doc__}" for defect in DEFECTS]
    assert [defect.__name__ for defect in DEFECTS if f"`{defect.__name__}`" not in page] == []


def test_the_proof_is_a_line_for_each_sdk(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list_url"]) == 0
    title, theirs, *ours = capsys.readouterr().out.splitlines()
    assert title == "list_url: All saved cards of a customer are asked for."
    assert theirs.split() == ["official", "cashfree_pg", "6.0.1", "WRONG", "asks", "?instrument_type=card" * 2]
    assert [line.split()[-3:] for line in ours if line] == [["right", "asks", "?instrument_type=card"]] * len(OURS)
