"""What the pages tell a reader to type works as typed, against a real emulator or a served vault."""

from pathlib import Path

import pytest

from tests.docs.pages import reading

TYPED = [
    "README.md",
    "docs/tutorial/your-first-vault.md",
    "docs/tutorial/your-first-cryptogram.md",
    "docs/how-to/verify-the-audit-trail.md",
]


@pytest.mark.parametrize("page", TYPED)
def test_what_a_page_says_to_type_works(page: str, tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        reader.follow(page)
