"""The commands of the pages work as printed, with a real emulator or a served vault."""

import re
import textwrap
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import FENCE, reading
from tests.repository import tree

pytestmark = pytest.mark.system  # each command starts a process: a minute of processor time in all

TYPED = [
    "README.md",
    "docs/tutorial/your-first-vault.md",
    "docs/tutorial/your-first-cryptogram.md",
    "docs/how-to/receive-webhooks.md",
    "docs/how-to/steer-the-emulator.md",
    "docs/how-to/save-a-card-with-a-payment.md",
    "docs/how-to/test-with-pytest.md",
    "docs/how-to/rotate-credentials.md",
    "docs/how-to/runbooks.md",
    "docs/how-to/suspend-and-remove-merchants.md",
    "docs/how-to/use-several-token-services.md",
    "docs/how-to/verify-the-audit-trail.md",
]
MOVING: Final = "docs/how-to/move-a-vault.md"
BACKING_UP: Final = "docs/how-to/back-up-and-restore.md"
ELSEWHERE: Final = {
    BACKING_UP: "tests/docs/test_pages_run.py",
    MOVING: "tests/docs/test_pages_run.py",
    "docs/how-to/use-postgresql.md": "tests/docs/test_pages_run.py",
    "docs/how-to/run-in-production.md": "tests/system/test_in_production.py",
    "docs/how-to/trace-calls.md": "tests/docs/test_tracing_page.py",
    "docs/how-to/point-the-official-sdk-at-it.md": "tests/docs/test_sdk_recipes.py",
    "docs/how-to/upgrade.md": "tests/system/test_upgrade.py",
    "RELEASING.md": "tests/system/test_release.py",
    "packages/pytest-tokenvault/README.md": "tests/pytest_tokenvault/test_readme.py",
}
"""Pages whose commands are not typed in order, and the tests that type them."""


@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        reader.follow(page)


def test_the_backup_of_a_served_vault_is_restored_elsewhere(tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        reader.type("tokenvault init vault")
        reader.type("tokenvault merchant add 'Corner Shop' --config vault/tokenvault.toml")
        reader.type("tokenvault serve --config vault/tokenvault.toml")
        reader.follow(BACKING_UP)
        assert "Corner Shop" in reader.type("tokenvault merchant list --config elsewhere/tokenvault.toml")


def test_a_vault_moves_by_the_commands_of_its_page(tmp_path: Path) -> None:
    page = textwrap.dedent(re.sub(r"^(?=\S)", "   ", tree.text(tree.ROOT / MOVING), flags=re.MULTILINE))
    copy, check = (block for language, block in FENCE.findall(page) if language == "sh")
    with reading(tmp_path) as reader:
        reader.type("tokenvault init vault; tokenvault merchant add 'Corner Shop' --config vault/tokenvault.toml")
        # Another engine's URLs are in its tests; the page's are placeholders of a server.
        reader.type(re.sub(r"postgresql://\S+/(\w+)", r"sqlite:///vault/new-\1.db", copy))
        for name in ("vault", "tsp"):
            reader.type(f"sed -i 's/{name}.db/new-{name}.db/' vault/tokenvault.toml; rm vault/{name}.db*")
        assert reader.type(check).startswith("intact: ")


def test_an_upgraded_schema_is_checked_by_the_commands_of_the_page_on_postgresql(tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        reader.type("tokenvault init .")
        reader.follow("docs/how-to/use-postgresql.md")
