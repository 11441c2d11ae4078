"""What a store's URL says: its engine, its file, its password, and whether others can read the connection."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tokenvault_server.database.opening import (
    KINDS,
    file_store,
    find_kind,
    is_same_store,
    kind_of,
    open_engine,
    without_password,
)
from tokenvault_server.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "bare", "password"),
    [
        ("postgresql://vault:hush@db/vault", "postgresql://vault@db/vault", "hush"),
        ("postgres://vault:hush@db:5433/vault", "postgres://vault@db:5433/vault", "hush"),
        ("postgresql://vault:h%40sh%3A@db/vault", "postgresql://vault@db/vault", "h@sh:"),
        ("postgresql://a:b@one:1,two:2/vault?sslmode=require", "postgresql://a@one:1,two:2/vault?sslmode=require", "b"),
        (
            "postgresql://vault@db/vault?password=hush&sslmode=require",
            "postgresql://vault@db/vault?sslmode=require",
            "hush",
        ),
        ("postgresql:///vault?host=/run/postgresql", "postgresql:///vault?host=/run/postgresql", ""),
        ("postgresql://db/vault", "postgresql://db/vault", ""),
        ("sqlite:///a:b@c", "sqlite:///a:b@c", ""),
        ("mysql://a:b@c", "mysql://a:b@c", ""),
    ],
)
def test_a_password_is_taken_out_of_a_url(url: str, bare: str, password: str) -> None:
    assert without_password(url) == (bare, password)


def test_a_text_that_is_not_a_url_is_refused() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        without_password("postgresql://[::1/vault")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///vault.db", "SQLite"),
        ("postgresql://db/vault", "PostgreSQL"),
        ("postgres://db/vault", "PostgreSQL"),
    ],
)
def test_a_url_names_its_engine(url: str, name: str) -> None:
    assert kind_of(url).name == name


@pytest.mark.parametrize("url", ["", "vault.db", "sqlite:///", "sqlite://vault.db", "mysql://db/vault"])
def test_a_url_of_no_engine_is_refused_with_the_forms_that_there_are(url: str) -> None:
    assert find_kind(url) is None
    with pytest.raises(SettingsError) as caught:
        kind_of(url)
    assert all(kind.url_form in caught.value.hint for kind in KINDS)


@pytest.mark.parametrize(
    ("url", "files"),
    [
        ("sqlite:///vault.db", [Path("vault.db"), Path("vault.db-wal"), Path("vault.db-shm")]),
        ("sqlite:////v.db", [Path("/v.db"), Path("/v.db-wal"), Path("/v.db-shm")]),
        ("postgresql:///vault", []),
    ],
)
def test_a_store_in_files_names_them(url: str, files: list[Path]) -> None:
    assert list(kind_of(url).files(url)) == files


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:///vault.db", "sqlite:////srv/vault.db"),
        ("sqlite:////data/vault.db", "sqlite:////data/vault.db"),
        ("postgresql:///vault", "postgresql:///vault"),
    ],
)
def test_a_relative_path_is_made_absolute(url: str, resolved: str) -> None:
    assert kind_of(url).resolve(url, Path("/srv")) == resolved


def test_a_new_vault_is_in_a_file_that_needs_no_server() -> None:
    url = file_store(Path("/srv/vault.db"))
    assert kind_of(url).files(url)[0] == Path("/srv/vault.db")


def test_one_engine_takes_one_process_and_the_other_many() -> None:
    assert {kind.name: kind.supports_many_processes for kind in KINDS} == {"SQLite": False, "PostgreSQL": True}


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db", True),
        ("sqlite:////srv/a.db", "sqlite:////srv/b.db", False),
        ("postgresql://a@db/vault", "postgres://b@DB/vault?sslmode=require", True),
        ("postgresql://db/vault", "postgresql://db/tsp", False),
        ("postgresql://one/vault", "postgresql://two/vault", False),
        ("postgresql:///vault?host=/run/a", "postgresql:///vault?host=/run/b", False),
        ("postgresql:///vault", "sqlite:///vault", False),
    ],
)
def test_two_urls_of_one_database_are_recognised(one: str, other: str, are_same: bool) -> None:
    assert is_same_store(one, other) is are_same


@pytest.mark.parametrize(
    ("url", "protected"),
    [
        ("sqlite:///vault.db", True),
        ("postgresql:///vault", True),
        ("postgresql:///vault?host=/run/postgresql", True),
        ("postgresql://localhost:5433/vault", True),
        ("postgresql://vault@127.0.0.1,[::1]/vault", True),
        ("postgresql://vault@db/vault", False),
        ("postgresql://vault@localhost,db/vault", False),
        ("postgresql://vault@db/vault?sslmode=require", False),
        ("postgresql://vault@db/vault?sslmode=verify-full", True),
        ("postgresql:///vault?host=db", False),
    ],
)
def test_a_way_over_a_network_is_protected_by_tls_that_verifies(url: str, protected: bool) -> None:
    assert (kind_of(url).exposure(url) == "") is protected


async def test_without_its_driver_a_server_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tokenvault_server.database.postgres.engine", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(SettingsError, match="PostgreSQL needs a driver") as caught:
        await open_engine("postgresql:///vault", new=False)
    assert "tokenvault-server[postgres]" in caught.value.hint
