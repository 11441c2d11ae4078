"""What README says of production, typed by root on a fresh machine: two servers on PostgreSQL behind nginx and TLS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.pages import FENCE
from tests.repository import tree
from tests.support.emulator_process import CREATED, LATEST, enrolment
from tests.system.throwaway import Machine, machine

pytestmark = pytest.mark.system

# What installing the packages does on a machine that has systemd.
PACKAGES_START = "pg_ctlcluster 15 main start; nginx"
CA = "/etc/nginx/tls/tokenvault.crt"
CARDS = "https://localhost/pg/customers/{customer}/instruments"


class Shop:
    """A merchant who calls from the machine itself."""

    def __init__(self, on: Machine, merchant: dict[str, str]) -> None:
        self._on = on
        self._merchant = merchant

    def ask(self, method: str, url: str, body: Any = None) -> tuple[int, Any]:
        """Gives the status and the body of one call through nginx."""
        headers = {
            "x-client-id": self._merchant["client_id"],
            "x-client-secret": self._merchant["client_secret"],
            "x-api-version": LATEST,
            "content-type": "application/json",
        }
        options = "".join(f" -H '{name}: {value}'" for name, value in headers.items())
        content = f" --data '{json.dumps(body)}'" if body else ""
        told = self._on.type(
            f"curl -sS --path-as-is --cacert {CA} -X {method} -w '\\n%{{http_code}}'{options}{content} '{url}'"
        )
        text, _, status = told.strip().rpartition("\n")
        return int(status), json.loads(text)


@pytest.fixture(scope="module")
def production() -> Iterator[Machine]:
    """A machine on which everything has been typed that stands under README's heading."""
    with machine() as fresh:
        install, *others = [text for language, text in _blocks() if language == "sh"]
        fresh.type(install, online=True)
        fresh.type(PACKAGES_START)
        for block in others:
            fresh.type(block)
        yield fresh


@pytest.fixture(scope="module")
def shop(production: Machine) -> Shop:
    add = "/opt/tokenvault/bin/tokenvault merchant add 'Book Shop' --json --config"
    told = production.type(f"sudo -u tokenvault {add} /var/lib/tokenvault/vault/tokenvault.toml")
    return Shop(production, json.loads(told))


def test_a_card_is_saved_paid_with_and_deleted_through_the_proxy(shop: Shop) -> None:
    cards = CARDS.format(customer="asha")
    status, saved = shop.ask("POST", cards, enrolment())
    assert status == CREATED, saved
    card = f"{cards}/{saved['instrument_id']}"
    assert [shop.ask("GET", card + "/cryptogram")[0], shop.ask("DELETE", card)[0], shop.ask("GET", card)[0]] == [
        200,
        200,
        404,
    ]


def test_an_id_with_a_slash_in_it_passes_the_proxy_as_it_was_sent(shop: Shop) -> None:
    status, saved = shop.ask("POST", CARDS.format(customer="shops%2F7%2Fasha"), enrolment())
    assert (status, saved["customer_id"]) == (CREATED, "shops/7/asha")


def test_what_is_too_large_is_refused_in_the_shape_of_the_api(shop: Shop) -> None:
    status, told = shop.ask("POST", CARDS.format(customer="asha"), {"x": "y" * 20_000})
    assert (status, told["type"]) == (413, "invalid_request_error")


def test_both_servers_are_ready_and_share_the_calls(production: Machine, shop: Shop) -> None:
    for port in (18480, 18580):
        assert json.loads(production.type(f"curl -sS http://127.0.0.1:{port}/ready")) == {"status": "ready"}
    for _ in range(10):
        shop.ask("GET", CARDS.format(customer="asha") + "?instrument_type=card")
    for port in (8480, 8580):
        assert f"127.0.0.1:{port}" in production.type("cat /var/log/nginx/tokenvault.log")


def test_the_vault_sees_the_address_that_called_and_not_the_proxys(production: Machine, shop: Shop) -> None:
    headers = f"-H 'x-api-version: {LATEST}'"
    production.type(
        f"curl -sS --interface 127.0.0.9 --cacert {CA} {headers} https://localhost/pg/customers/a/instruments"
    )
    assert '"origin":"127.0.0.9"' in production.type("cat /var/log/tokenvault@*.log")


def test_no_log_on_the_machine_has_a_card_number_or_a_secret(production: Machine, shop: Shop) -> None:
    number = enrolment()["card"]["card_number"]
    logs = production.type("cat /var/log/nginx/*.log /var/log/tokenvault@*.log")
    assert number not in logs
    assert "cfsk" not in logs


def test_a_server_that_is_killed_is_not_missed(production: Machine, shop: Shop) -> None:
    production.type("grep -lz TOKENVAULT_PORT=8480 /proc/[0-9]*/environ | cut -d/ -f3 | xargs kill -9")
    cards = CARDS.format(customer="asha") + "?instrument_type=card"
    assert {shop.ask("GET", cards)[0] for _ in range(10)} == {200}


def _blocks() -> list[tuple[str, str]]:
    page = tree.text(tree.ROOT / "README.md")
    (section,) = re.findall(r"^## In production\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return [(str(language), str(text)) for language, text in FENCE.findall(section)]
