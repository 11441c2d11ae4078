"""README's Python works as pasted, with the variables that `make run` prints."""

from __future__ import annotations

from tests.docs.pages import blocks
from tests.support.announced import announced, pasted

(README,) = (block.text for block in blocks("README.md") if "from tokenvault_client" in block.text)


def test_the_python_of_the_front_page_works_as_pasted() -> None:
    with announced() as announcement:
        saved, left = pasted(README, announcement.exports).splitlines()
    assert saved.startswith("XXXXXXXXXXXX2123 Cryptogram(instrument_id=")
    assert left == "()"
