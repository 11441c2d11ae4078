"""The options of a client, which are validated before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.test_credentials import PEM
from tokenvault_client import AsyncClient, Client, UsageError
from tokenvault_client._options import base_url

PAIR = {"CASHFREE_CLIENT_ID": "c", "CASHFREE_CLIENT_SECRET": "hush"}


def test_an_environment_is_a_host_of_cashfree() -> None:
    assert base_url("sandbox", None, allow_plain_http=False) == "https://sandbox.cashfree.com/pg"
    assert base_url("production", None, allow_plain_http=False) == "https://api.cashfree.com/pg"


@pytest.mark.parametrize(
    "url",
    [
        "https://vault.test/pg",
        "https://vault.test:8480/a/pg",
        "http://localhost:1/pg",
        "http://127.9.9.9/pg",
        "http://[::1]/pg",
    ],
)
def test_a_vault_is_given_by_its_url(url: str) -> None:
    assert base_url(None, url, allow_plain_http=False) == url
    assert base_url(None, f"{url}/", allow_plain_http=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://vault.test/pg",
        "http://10.0.0.1/pg",
        "http://localhost.evil.test/pg",
        "http://127.0.0.1.evil.test/pg",
        "http://user@127.0.0.1/pg",
        "https://me:hush@vault.test/pg",
        "https://vault.test/pg?a=b",
        "https://vault.test/pg#a",
        "https://vault.test:port/pg",
        "https:///pg",
        "https://vault.test/p g",
        "https://vault.test/pg\n",
        "https://väult.test/pg",
        "https://[::1/pg",
        "ftp://vault.test/pg",
        "file:///etc/passwd",
        "vault.test/pg",
        "",
    ],
)
def test_an_invalid_or_unsafe_url_is_rejected(url: str) -> None:
    with pytest.raises(UsageError, match="base_url") as rejected:
        base_url(None, url, allow_plain_http=False)
    assert "hush" not in str(rejected.value)


def test_plain_http_to_another_host_needs_an_option() -> None:
    assert base_url(None, "http://10.0.0.1/pg", allow_plain_http=True) == "http://10.0.0.1/pg"


@pytest.mark.parametrize(
    ("environment", "url"), [(None, None), ("sandbox", "https://vault.test/pg"), ("staging", None)]
)
def test_exactly_one_address_is_required(environment: str | None, url: str | None) -> None:
    with pytest.raises(UsageError, match="environment"):
        base_url(environment, url, allow_plain_http=False)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_environment_configures_a_client(kind: type[Client | AsyncClient]) -> None:
    environ = PAIR | {"CASHFREE_BASE_URL": "https://vault.test/pg", "CASHFREE_API_VERSION": "2023-08-01"}
    assert repr(kind.from_env(environ)) == f"<{kind.__name__} https://vault.test/pg 2023-08-01>"
    assert "sandbox" in repr(kind.from_env(PAIR | {"CASHFREE_ENVIRONMENT": "sandbox", "CASHFREE_BASE_URL": ""}))


def test_a_public_key_is_read_from_the_file_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(PEM)
    environ = {"CASHFREE_CLIENT_ID": "c", "CASHFREE_ENVIRONMENT": "sandbox"}
    Client.from_env(environ | {"CASHFREE_CLIENT_PUBLIC_KEY_FILE": str(tmp_path / "key.pem")})
    with pytest.raises(UsageError, match="cannot be read"):
        Client.from_env(environ | {"CASHFREE_CLIENT_PUBLIC_KEY_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    "environ", [{}, PAIR, PAIR | {"CASHFREE_ENVIRONMENT": "staging"}, {"CASHFREE_ENVIRONMENT": "sandbox"}]
)
def test_an_incomplete_environment_is_rejected(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Client.from_env(environ)


@pytest.mark.parametrize("number", [0, -1])
def test_fewer_than_one_connection_is_rejected(number: int) -> None:
    with pytest.raises(UsageError, match="from 1 to"):
        Client(environment="sandbox", client_id="me", client_secret="s", max_connections=number)
