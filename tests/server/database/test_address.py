"""Where a store is, as its URL says; its password is taken out of it before anybody can see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenvault_server.database.address import is_postgres, is_protected, same_store, sqlite_path, without_password


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
    ],
)
def test_a_password_is_taken_out_of_a_url(url: str, bare: str, password: str) -> None:
    assert without_password(url) == (bare, password)


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        without_password("postgresql://[::1/vault")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///vault.db", Path("vault.db")),
        ("sqlite:////srv/vault.db", Path("/srv/vault.db")),
        ("sqlite:///", None),
        ("sqlite://vault.db", None),
        ("postgresql:///vault", None),
        ("", None),
    ],
)
def test_a_sqlite_store_has_a_path(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


def test_both_spellings_of_postgresql_are_known() -> None:
    assert [is_postgres(f"{scheme}://db/vault") for scheme in ("postgresql", "postgres", "mysql")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db", True),
        ("sqlite:////srv/a.db", "sqlite:////srv/b.db", False),
        ("postgresql://a@db/vault", "postgres://b@DB/vault?sslmode=require", True),
        ("postgresql://db/vault", "postgresql://db/tsp", False),
        ("postgresql://one/vault", "postgresql://two/vault", False),
        ("postgresql:///vault?host=/run/a", "postgresql:///vault?host=/run/b", False),
    ],
)
def test_two_urls_of_one_database_are_recognised(one: str, other: str, are_same: bool) -> None:
    assert same_store(one, other) is are_same


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
    assert is_protected(url) is protected
