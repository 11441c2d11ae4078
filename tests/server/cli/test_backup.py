"""`tokenvault recovery-key`, `backup` and `restore` on real files."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.support.commands import run_json, tokenvault
from tests.support.served_process import initialised


class Operator:
    """Has a vault, a recovery key, and another folder with the vault's configuration and master key."""

    def __init__(self, folder: Path) -> None:
        self.config = initialised(folder / "vault")
        self.key = folder / "recovery.txt"
        self.public = run_json("recovery-key", str(self.key))["recovery_key"]
        self.file = folder / "vault.age"
        self.other = folder / "other" / "tokenvault.toml"
        self.other.parent.mkdir(mode=0o700)
        for name in ("tokenvault.toml", "master.key"):
            shutil.copy(self.config.parent / name, self.other.parent / name)

    def back_up(self) -> None:
        run_json("backup", str(self.file), "--to", self.public, "--config", str(self.config))

    def restore(self, *more: str) -> tuple[str, ...]:
        return ("restore", str(self.file), "--identity", str(self.key), "--config", str(self.other), *more)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_a_recovery_key_is_private_and_never_overwritten(operator: Operator) -> None:
    assert stat.S_IMODE(operator.key.stat().st_mode) == 0o600
    assert f"# public key: {operator.public}" in operator.key.read_text()
    again = tokenvault("recovery-key", str(operator.key))
    assert (again.returncode, "never overwritten" in again.stderr) == (3, True)


def test_a_vault_is_restored_in_another_folder(operator: Operator) -> None:
    run_json("merchant", "add", "Corner Shop", "--config", str(operator.config))
    operator.back_up()
    assert run_json(*operator.restore("--check"))["stores"] == ["store", "tsp_store"]
    assert not (operator.other.parent / "vault.db").exists()
    done = tokenvault(*operator.restore())
    assert (done.returncode, "restored: vault vlt_" in done.stdout) == (0, True), done.stderr
    merchants = run_json("merchant", "list", "--config", str(operator.other))
    assert [each["name"] for each in merchants] == ["Corner Shop"]
    assert run_json("audit", "verify", "--config", str(operator.other))["intact"]
    assert tokenvault("doctor", "--deep", "--config", str(operator.other)).returncode == 0
    again = tokenvault(*operator.restore())
    assert (again.returncode, "is not empty" in again.stderr) == (3, True)


def test_the_recovery_key_may_be_a_setting(operator: Operator) -> None:
    without = tokenvault("backup", str(operator.file), "--config", str(operator.config))
    assert (without.returncode, "no recovery key" in without.stderr) == (3, True)
    with operator.config.open("a") as config:
        config.write(f'recovery_key = "{operator.public}"\n')
    done = tokenvault("backup", str(operator.file), "--config", str(operator.config))
    assert (done.returncode, "backed up vault vlt_" in done.stdout) == (0, True)


def test_a_missing_backup_and_a_missing_key_are_named(operator: Operator) -> None:
    missing = tokenvault(*operator.restore())
    assert (missing.returncode, "cannot be read" in missing.stderr) == (3, True)
    operator.back_up()
    operator.key.unlink()
    without = tokenvault(*operator.restore())
    assert (without.returncode, "the recovery key cannot be read" in without.stderr) == (3, True)


def test_every_built_in_token_service_is_in_the_backup(operator: Operator) -> None:
    for config in (operator.config, operator.other):
        with config.open("a") as file:
            file.write('[tsp.second]\nkind = "local"\nstore = "sqlite:///second.db"\n[tsp.routes]\nvisa = "second"\n')
    assert tokenvault("migrate", "--config", str(operator.config)).returncode == 0
    assert tokenvault("doctor", "--config", str(operator.config)).returncode == 0
    operator.back_up()
    assert run_json(*operator.restore())["stores"] == ["store", "tsp_store", "tsp.second"]
    assert tokenvault("doctor", "--deep", "--config", str(operator.other)).returncode == 0
