"""Secrets, keys and links by command line: a secret is shown once, lists never show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Finished, tokenvault
from tests.support.served_process import initialised
from tokenvault_server.cli import NOT_FOUND


class Operator:
    """Runs commands on one vault."""

    def __init__(self, config: Path) -> None:
        self.config = str(config)

    def run(self, *arguments: str) -> Finished:
        return tokenvault(*arguments, "--config", self.config)

    def output(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.output(*arguments, "--json"))


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(initialised(tmp_path / "vault"))


@pytest.fixture
def merchant_id(operator: Operator) -> str:
    return str(operator.json("merchant", "add", "Corner Shop")["merchant_id"])


@pytest.fixture
def partner_id(operator: Operator) -> str:
    return str(operator.json("partner", "add", "Platform")["partner_id"])


def test_a_rotated_secret_is_shown_once(operator: Operator, merchant_id: str) -> None:
    made = operator.json("merchant", "rotate-secret", merchant_id)
    listed = operator.json("merchant", "secrets", merchant_id)
    assert made["client_secret"].startswith("tvsk_")
    assert listed[1]["secret_id"] == made["secret_id"]
    assert made["client_secret"] not in json.dumps(listed)


def test_secrets_are_listed_with_state_and_times(operator: Operator, merchant_id: str) -> None:
    operator.json("merchant", "rotate-secret", merchant_id, "--overlap", "48")
    first, second = operator.json("merchant", "secrets", merchant_id)
    assert list(first) == ["secret_id", "state", "created_at", "last_used_at", "expires_at", "revoked_at"]
    assert (first["state"], second["state"], second["expires_at"]) == ("live", "live", None)
    assert first["expires_at"].endswith("Z")


def test_a_revoked_secret_is_listed_as_revoked(operator: Operator, merchant_id: str) -> None:
    (secret,) = operator.json("merchant", "secrets", merchant_id)
    operator.output("merchant", "revoke-secret", merchant_id, secret["secret_id"])
    (secret,) = operator.json("merchant", "secrets", merchant_id)
    assert (secret["state"], bool(secret["revoked_at"])) == ("revoked", True)


def test_a_third_live_secret_is_refused(operator: Operator, merchant_id: str) -> None:
    operator.output("merchant", "rotate-secret", merchant_id)
    result = operator.run("merchant", "rotate-secret", merchant_id)
    assert result.returncode != 0
    assert len(operator.json("merchant", "secrets", merchant_id)) == 2


def test_lists_are_printed_as_tables(operator: Operator, merchant_id: str, partner_id: str) -> None:
    operator.output("partner", "link", partner_id, merchant_id)
    assert "secret id\tstate\tcreated at" in operator.output("merchant", "secrets", merchant_id)
    assert "key id\tstate\tcreated at" in operator.output("partner", "keys", partner_id)
    assert operator.output("partner", "list").splitlines()[1].split("\t") == [partner_id, "Platform", "1", "active"]
    assert "client_secret" in operator.output("merchant", "rotate-secret", merchant_id)
    assert "partner_api_key" in operator.output("partner", "rotate-key", partner_id)


def test_a_signature_key_is_printed_as_pem(operator: Operator, merchant_id: str) -> None:
    printed = operator.output("merchant", "signature-key", merchant_id)
    assert printed.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert printed.endswith("-----END PUBLIC KEY-----\n")
    assert operator.json("merchant", "signature-key", merchant_id)["public_key"] != printed


def test_signature_keys_are_listed_without_being_shown(operator: Operator, merchant_id: str) -> None:
    _, printed = (operator.output("merchant", "signature-key", merchant_id) for _ in range(2))
    first, second = operator.json("merchant", "signature-keys", merchant_id)
    assert [(key["version"], key["state"], key["last_used_at"]) for key in (first, second)] == [
        ("1", "ended", None),
        ("2", "live", None),
    ]
    shown = operator.output("merchant", "signature-keys", merchant_id)
    assert shown.startswith("version\tstate\tcreated at\tlast used at\n1\tended\t")
    assert printed.splitlines()[2] not in shown


def test_a_signature_key_can_be_ended(operator: Operator, merchant_id: str) -> None:
    operator.output("merchant", "signature-key", merchant_id)
    operator.output("merchant", "signature-key", merchant_id, "--end")
    assert operator.run("merchant", "signature-key", merchant_id, "--end").returncode != 0


def test_a_partner_is_listed_with_the_merchants_it_acts_for(
    operator: Operator, merchant_id: str, partner_id: str
) -> None:
    operator.output("partner", "link", partner_id, merchant_id)
    assert operator.json("partner", "list") == [
        {"partner_id": partner_id, "name": "Platform", "merchants": [merchant_id], "state": "active"}
    ]
    operator.output("partner", "unlink", partner_id, merchant_id)
    assert operator.json("partner", "list")[0]["merchants"] == []


def test_a_partners_key_is_rotated_and_revoked(operator: Operator, partner_id: str) -> None:
    made = operator.json("partner", "rotate-key", partner_id, "--overlap", "0")
    assert made["partner_api_key"].startswith("tvpk_")
    operator.output("partner", "revoke-key", partner_id, made["key_id"])
    assert [key["state"] for key in operator.json("partner", "keys", partner_id)] == ["expired", "revoked"]


def test_commands_leave_an_intact_audit_trail(operator: Operator, merchant_id: str, partner_id: str) -> None:
    operator.output("partner", "link", partner_id, merchant_id)
    operator.output("merchant", "rotate-secret", merchant_id)
    operator.output("merchant", "signature-key", merchant_id)
    report = operator.json("audit", "verify")
    assert report["intact"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        ("merchant", "secrets", "mer_nobody"),
        ("merchant", "rotate-secret", "mer_nobody"),
        ("merchant", "revoke-secret", "mer_nobody", "sec_1"),
        ("merchant", "signature-key", "mer_nobody"),
        ("merchant", "signature-key", "mer_nobody", "--end"),
        ("merchant", "signature-keys", "mer_nobody"),
        ("partner", "keys", "par_nobody"),
        ("partner", "rotate-key", "par_nobody"),
        ("partner", "revoke-key", "par_nobody", "key_1"),
        ("partner", "link", "par_nobody", "mer_nobody"),
        ("partner", "unlink", "par_nobody", "mer_nobody"),
    ],
    ids=" ".join,
)
def test_an_unknown_id_is_reported_as_not_found_with_a_hint(operator: Operator, arguments: tuple[str, ...]) -> None:
    done = tokenvault(*arguments, "--config", operator.config)
    assert done.returncode == NOT_FOUND
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]
