"""Every page can be found from the index, and every decision has its parts."""

import re
from pathlib import Path

import pytest

from tests.repository import tree

DOCS = tree.ROOT / "docs"
INDEX = tree.text(DOCS / "index.md")
DECISIONS = sorted(path for path in tree.files() if path.parent == DOCS / "adr")


def test_every_page_is_in_the_index() -> None:
    pages = [path.relative_to(DOCS).as_posix() for path in tree.files() if path.is_relative_to(DOCS)]
    assert [page for page in pages if page != "index.md" and page.endswith(".md") and f"({page})" not in INDEX] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts(path: Path) -> None:
    text = tree.text(path)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]
    assert text.startswith(f"# {int(path.name[:4])}. ")


def test_no_link_names_a_section_that_its_page_lacks() -> None:
    links = [
        (page, target, section)
        for page in tree.files()
        if page.suffix == ".md"
        for target, section in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", tree.text(page))
    ]
    lost = [
        f"{tree.name(page)}: {target}#{section}"
        for page, target, section in links
        if section not in sections(tree.text((page.parent / target) if target else page))
    ]
    assert lost == []


def sections(text: str) -> set[str]:
    """The anchors that a forge gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
