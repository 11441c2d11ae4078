"""README's Python works as pasted, with the variables that `make run` prints, and prints what README shows."""

from __future__ import annotations

from tests.docs.pages import assert_shown, with_output
from tests.support.announced import announced, pasted

PROGRAM, SHOWN = with_output("README.md", "from tokenvault_client")


def test_the_python_of_the_front_page_works_as_pasted() -> None:
    with announced() as announcement:
        assert_shown(SHOWN, pasted(PROGRAM, announcement.exports))
