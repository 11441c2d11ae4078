"""`tokenvault copy` on real databases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.commands import run_json, tokenvault
from tests.support.served_process import initialised


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    config = initialised(tmp_path / "vault")
    assert tokenvault("merchant", "add", "Shop", "--config", str(config)).returncode == 0
    return config.parent


def test_a_vault_is_copied_database_by_database(vault: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("tokenvault.toml", "master.key"):
        shutil.copy(vault / name, moved / name)
    done = tokenvault("copy", "--from", f"sqlite:///{vault / 'vault.db'}", "--to", f"sqlite:///{moved / 'vault.db'}")
    assert (done.returncode, "the vault's store" in done.stdout) == (0, True)
    tsp = run_json("copy", "--from", f"sqlite:///{vault / 'tsp.db'}", "--to", f"sqlite:///{moved / 'tsp.db'}")
    assert (tsp["copied"], tsp["rows"]["vault"]) == ("token service", 1)
    merchants = run_json("merchant", "list", "--config", str(moved / "tokenvault.toml"))
    assert merchants == run_json("merchant", "list", "--config", str(vault / "tokenvault.toml"))


def test_a_missing_database_cannot_be_copied(tmp_path: Path) -> None:
    done = tokenvault("copy", "--from", f"sqlite:///{tmp_path / 'no.db'}", "--to", f"sqlite:///{tmp_path / 'new.db'}")
    assert (done.returncode, "does not exist" in done.stderr) == (4, True)
    assert not (tmp_path / "new.db").exists()


def test_a_vault_is_not_copied_onto_itself(vault: Path) -> None:
    store = f"sqlite:///{vault / 'vault.db'}"
    assert tokenvault("copy", "--from", store, "--to", store).returncode == 3
