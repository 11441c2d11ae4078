"""The commands of the pages work as printed, with a real emulator or a served vault."""

from pathlib import Path

import pytest

from tests.docs.pages import reading

TYPED = [
    "README.md",
    "docs/tutorial/your-first-vault.md",
    "docs/tutorial/your-first-cryptogram.md",
    "docs/how-to/receive-webhooks.md",
    "docs/how-to/rotate-credentials.md",
    "docs/how-to/suspend-and-remove-merchants.md",
    "docs/how-to/use-several-token-services.md",
    "docs/how-to/verify-the-audit-trail.md",
]


@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        reader.follow(page)


def test_the_backups_of_a_served_vault_open_elsewhere(tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        reader.type("tokenvault init vault; VAULT=$PWD/vault")
        reader.type("tokenvault merchant add 'Corner Shop' --config vault/tokenvault.toml")
        reader.type("tokenvault serve --config vault/tokenvault.toml")
        reader.follow("docs/how-to/run-in-production.md")
        assert "Corner Shop" in reader.type("cp vault/master.key backup/; cd backup; tokenvault merchant list")
