"""`tokenvault init` creates a vault, or reports what is wrong and can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.databases import POSTGRESQL
from tokenvault_server.cli import tokenvault
from tokenvault_server.errors import SettingsError, StoreError


def init(directory: Path, *options: str) -> Result:
    return CliRunner().invoke(tokenvault, ["init", str(directory), *options])


@pytest.mark.parametrize("store_kind", [POSTGRESQL])
def test_a_vault_is_created_in_the_two_databases_of_the_options(
    tmp_path: Path, store_kind: str, store: str, tsp_store: str
) -> None:
    result = init(tmp_path / "vault", "--store", store, "--tsp-store", tsp_store)
    assert result.exit_code == 0, result.output
    assert f'store = "{store}"' in (tmp_path / "vault/tokenvault.toml").read_text()
    assert store_kind == POSTGRESQL
    assert {path.name for path in (tmp_path / "vault").iterdir()} >= {"tokenvault.toml", "master.key"}
    assert not (tmp_path / "vault/vault.db").exists()


@pytest.mark.parametrize("url", ["postgresql://vault:hunter2@db/vault", "postgresql://vault@db/vault?password=hunter2"])
def test_a_password_in_a_url_is_refused_before_anything_is_created(tmp_path: Path, url: str) -> None:
    result = init(tmp_path / "vault", "--store", url)
    assert isinstance(result.exception, SettingsError)
    assert "hunter2" not in str(result.exception)
    assert not (tmp_path / "vault").exists()


def test_init_can_be_repeated_after_a_failure(tmp_path: Path) -> None:
    unreachable = "postgresql://vault@127.0.0.1:1/vault"
    assert isinstance(
        init(tmp_path / "vault", "--store", unreachable, "--tsp-store", unreachable + "2").exception, StoreError
    )
    assert init(tmp_path / "vault").exit_code == 0


def test_the_audit_anchor_is_created_where_the_option_says(tmp_path: Path) -> None:
    result = init(tmp_path / "vault", "--audit-anchor", "../anchor/newest.json")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "anchor/newest.json").exists()
    assert (tmp_path / "anchor").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "vault/audit-anchor.json").exists()
