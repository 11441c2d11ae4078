"""Merchants and partners are suspended, resumed, removed and shown by command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Finished, tokenvault
from tests.support.served_process import initialised
from tokenvault_server.cli import INVALID, NOT_FOUND


class Operator:
    """Runs commands on one vault, in which a partner acts for a merchant."""

    def __init__(self, config: Path) -> None:
        self.config = str(config)
        self.merchant_id: str = self.json("merchant", "add", "Corner Shop")["merchant_id"]
        self.partner_id: str = self.json("partner", "add", "Platform")["partner_id"]
        self.output("partner", "link", self.partner_id, self.merchant_id)
        for partner in ((), ("--partner", self.partner_id)):
            self.output("webhooks", "endpoints", "add", self.merchant_id, "https://shop.example/hook", *partner)

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


def health(page: dict[str, Any]) -> list[str]:
    return [endpoint["health"] for endpoint in page["endpoints"]]


def test_a_merchant_is_suspended_shown_and_resumed(operator: Operator) -> None:
    merchant_id = operator.merchant_id
    operator.output("limits", "set", merchant_id, "fetch_cryptogram", "500")
    assert operator.output("merchant", "suspend", merchant_id, "--reason", "x") == f"{merchant_id} is suspended\n"
    page = operator.json("merchant", "show", merchant_id)
    assert (page["state"], page["name"], page["cards"]) == ("suspended", "Corner Shop", {})
    assert page["since"] >= page["created_at"]
    assert [(each["state"], each["last_used_at"]) for each in page["secrets"]] == [("live", None)]
    assert [(each["partner_id"], each["state"]) for each in page["partners"]] == [(operator.partner_id, "active")]
    assert page["limits"] == [{"operation": "fetch_cryptogram", "per_minute": 500}]
    assert health(page) == ["paused", "paused"]
    assert operator.json("merchant", "list")[0]["state"] == "suspended"
    assert operator.output("merchant", "resume", merchant_id) == f"{merchant_id} is active\n"
    assert health(operator.json("merchant", "show", merchant_id)) == ["ok", "ok"]


def test_a_page_can_be_read(operator: Operator) -> None:
    operator.output("merchant", "signature-key", operator.merchant_id)
    page = operator.output("merchant", "show", operator.merchant_id)
    for line in ("name             Corner Shop", "state            active", "cards            none", "limits: none"):
        assert line in page.splitlines()
    assert "https://shop.example/hook\tok\t0\t0" in page
    assert "merchants:" in operator.output("partner", "show", operator.partner_id)


def test_a_partner_is_suspended_shown_resumed_and_removed(operator: Operator) -> None:
    partner_id = operator.partner_id
    operator.output("partner", "suspend", partner_id)
    page = operator.json("partner", "show", partner_id)
    assert (page["state"], page["name"], health(page)) == ("suspended", "Platform", ["paused"])
    assert [(each["merchant_id"], each["state"]) for each in page["merchants"]] == [(operator.merchant_id, "active")]
    assert health(operator.json("merchant", "show", operator.merchant_id)) == ["ok", "paused"]
    operator.output("partner", "resume", partner_id)
    assert operator.json("partner", "list")[0]["state"] == "active"
    removed = operator.json("partner", "remove", partner_id, "--confirm", partner_id)
    assert removed == {"partner_id": partner_id, "keys": 1, "links": 1, "endpoints": 1}
    assert health(operator.json("merchant", "show", operator.merchant_id)) == ["ok"]
    assert operator.run("partner", "resume", partner_id).returncode == INVALID


def test_a_removal_wants_the_id_twice(operator: Operator) -> None:
    for command, account_id in (("merchant", operator.merchant_id), ("partner", operator.partner_id)):
        assert operator.run(command, "remove", account_id).returncode == 2
        refused = operator.run(command, "remove", account_id, "--confirm", "another")
        assert (refused.returncode, "--confirm" in refused.stderr) == (2, True)
        assert operator.json(command, "show", account_id)["state"] == "active"


def test_a_removed_merchant_is_listed_and_cannot_be_resumed(operator: Operator) -> None:
    merchant_id = operator.merchant_id
    removed = operator.output("merchant", "remove", merchant_id, "--confirm", merchant_id)
    assert removed.splitlines()[:3] == [f"{merchant_id} is removed", "cards            0", "secrets          1"]
    assert operator.json("merchant", "list")[0]["state"] == "removed"
    resumed = operator.run("merchant", "resume", merchant_id)
    assert (resumed.returncode, "cannot be resumed" in resumed.stderr) == (INVALID, True)
    operator.output("audit", "verify")


@pytest.mark.parametrize("verb", ["suspend", "resume", "show"])
@pytest.mark.parametrize("command", ["merchant", "partner"])
def test_an_unknown_id_is_not_found(operator: Operator, command: str, verb: str) -> None:
    assert operator.run(command, verb, "nobody").returncode == NOT_FOUND
