"""No page has commands that no test types."""

import re

from tests.docs.pages import NOT_TYPED
from tests.docs.test_pages_run import ELSEWHERE, TYPED
from tests.repository import tree


def test_the_commands_of_every_page_are_typed_by_a_test() -> None:
    pages = [path for path in tree.files() if path.suffix == ".md" and "adr" not in path.parts]
    with_commands = {tree.name(page) for page in pages if typed_blocks(tree.text(page))}
    assert with_commands - set(TYPED) == ELSEWHERE.keys()
    assert [test for test in ELSEWHERE.values() if not (tree.ROOT / test).exists()] == []


def typed_blocks(page: str) -> list[str]:
    """Return the blocks of a page that a reader can type without root, package registries, make or a container engine.

    tests/system types some of the others. Nothing types the page on clusters; tests/ha does in Python what it says.
    """
    found = re.findall(r"^ *```sh\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [text for text in found if not NOT_TYPED.search(text)]
