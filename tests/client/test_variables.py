"""A client without settings names the variables that it needs, and never a value."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import pytest

from cashfree_pg import Cashfree
from cashfree_pg.exceptions import ApiValueError
from tokenvault_client import AsyncClient, Client, UsageError
from tokenvault_client._variables import CREDENTIAL_PAIRS, HOST_VARIABLES, PREFIX, VARIABLES

HOST = {"CASHFREE_BASE_URL": "https://vault.test/pg"}
PAIR = {"CASHFREE_CLIENT_ID": "cf_0123", "CASHFREE_CLIENT_SECRET": "hush-hush"}


def message_of(environ: dict[str, str], kind: type[Client | AsyncClient] = Client) -> str:
    with pytest.raises(UsageError) as rejected:
        kind.from_env(environ)
    assert [value for value in environ.values() if value and value in str(rejected.value)] == []
    return str(rejected.value)


def test_a_program_without_settings_is_told_which_variables_to_set() -> None:
    program = "from tokenvault_client import Client; Client.from_env()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env={})
    last = done.stderr.splitlines()[-1]
    for name in ("CASHFREE_BASE_URL", "CASHFREE_ENVIRONMENT", "CASHFREE_CLIENT_ID", "CASHFREE_CLIENT_SECRET"):
        assert name in last


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_everything_that_is_missing_is_named_at_once(kind: type[Client | AsyncClient]) -> None:
    message = message_of({}, kind)
    assert [name for name in VARIABLES[: len(VARIABLES) - 2] if PREFIX + name not in message] == []


def test_a_host_alone_lacks_only_credentials() -> None:
    message = message_of(HOST)
    assert ("CASHFREE_CLIENT_SECRET" in message, "CASHFREE_BASE_URL" in message) == (True, False)


def test_credentials_alone_lack_only_a_host() -> None:
    message = message_of(PAIR)
    assert ("CASHFREE_BASE_URL" in message, "CASHFREE_CLIENT_ID" in message) == (True, False)


def test_two_hosts_are_one_too_many() -> None:
    assert "only one of" in message_of(HOST | PAIR | {"CASHFREE_ENVIRONMENT": "sandbox"})


def test_an_unknown_environment_is_told_the_allowed_ones() -> None:
    message = message_of(PAIR | {"CASHFREE_ENVIRONMENT": "staging-2"})
    assert "sandbox or production; CASHFREE_BASE_URL" in message


CREDENTIALS = sorted({name for pair in CREDENTIAL_PAIRS for name in pair})


@pytest.mark.parametrize(
    "present",
    [
        chosen
        for size in range(1, len(CREDENTIALS) + 1)
        for chosen in combinations(CREDENTIALS, size)
        if set(chosen) not in [set(pair) for pair in CREDENTIAL_PAIRS]
    ],
    ids="+".join,
)
def test_credentials_that_are_no_pair_are_listed(present: tuple[str, ...]) -> None:
    message = message_of(HOST | {PREFIX + name: f"value-of-{name}" for name in present})
    assert f"(set now: {', '.join(PREFIX + name for name in present)})" in message


@pytest.mark.parametrize("name", [*HOST_VARIABLES, "CLIENT_ID", "CLIENT_SECRET", "PARTNER_API_KEY"])
@pytest.mark.parametrize("place", [0, 3, -2])
def test_a_variable_with_one_letter_less_is_recognised(name: str, place: int) -> None:
    wrong = PREFIX + name[:place] + name[place:][1:]
    assert f"{wrong} is not read: did you mean {PREFIX}{name}?" in message_of({wrong: "a-value"})


@pytest.mark.parametrize("wrong", ["CASHFREE_BASEURL", "cashfree_base_url", "CASHFREE_URL_BASE", "CASHFREEBASE_URL"])
def test_a_similar_variable_is_recognised(wrong: str) -> None:
    message = message_of(PAIR | {wrong: "https://vault.test/pg"})
    assert "CASHFREE_BASE_URL" in message


def test_other_variables_are_not_mentioned() -> None:
    assert "CASHFREE_THEME" not in message_of({"CASHFREE_THEME": "dark"})


def test_an_empty_variable_is_missing() -> None:
    assert "CASHFREE_CLIENT_SECRET" in message_of(HOST | PAIR | {"CASHFREE_CLIENT_SECRET": ""})


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_without_arguments_is_told_them_and_the_variables(kind: type[Client | AsyncClient]) -> None:
    with pytest.raises(UsageError, match=r"environment .* or base_url; from_env\(\) takes CASHFREE_ENVIRONMENT or"):
        kind()
    with pytest.raises(UsageError, match=r"client_id and client_secret.* from_env\(\) takes CASHFREE_CLIENT_ID"):
        kind(environment="sandbox")


def test_the_drop_in_without_credentials_names_its_attributes() -> None:
    with pytest.raises(ApiValueError) as rejected:
        Cashfree(Cashfree.SANDBOX).PGCustomerFetchInstrument("asha", "i1")
    for name in ("XClientId", "XClientSecret", "XClientSignature", "XPartnerKey", "XPartnerMerchantId"):
        assert name in str(rejected.value)
