"""README's commands for production, run by root on a fresh machine: two servers on PostgreSQL behind nginx and TLS."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.docs.pages import FENCE, Block, assert_shown, blocks
from tests.repository import tree
from tests.support.emulator_process import CREATED, LATEST, enrolment
from tests.system.throwaway import Machine, machine

pytestmark = pytest.mark.system

# On a machine with systemd, installing the packages starts these services.
PACKAGES_START = "pg_ctlcluster 15 main start; nginx"
CA = "/etc/nginx/tls/tokenvault.crt"
CARDS = "https://localhost/pg/customers/{customer}/instruments"
SAVED = CARDS.format(customer="asha") + "?instrument_type=card"
PROXY_LOG = "/var/log/nginx/tokenvault.log"
SERVERS = {"127.0.0.1:8480", "127.0.0.1:8580"}
CALLS = 10
BACK_SECONDS = 30


class Shop:
    """A merchant that calls from the machine itself."""

    def __init__(self, on: Machine, merchant: dict[str, str]) -> None:
        self._on = on
        self._merchant = merchant

    def ask(self, method: str, url: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the body of one call through nginx."""
        headers = {
            "x-client-id": self._merchant["client_id"],
            "x-client-secret": self._merchant["client_secret"],
            "x-api-version": LATEST,
            "content-type": "application/json",
        }
        options = "".join(f" -H '{name}: {value}'" for name, value in headers.items())
        content = f" --data '{json.dumps(body)}'" if body else ""
        message = self._on.type(
            f"curl -sS --path-as-is --cacert {CA} -X {method} -w '\\n%{{http_code}}'{options}{content} '{url}'"
        )
        text, _, status = message.strip().rpartition("\n")
        return int(status), json.loads(text)


@pytest.fixture(scope="module")
def production() -> Iterator[Machine]:
    """Yield a machine on which all commands of README's section have run."""
    with machine() as fresh:
        install, *others = _blocks()
        fresh.type(install.text, online=True)
        fresh.type(PACKAGES_START)
        printed = ""
        for block in others:
            if block.language == "sh":
                printed = fresh.type(block.text)
            else:
                assert_shown(block, printed)
        yield fresh


@pytest.fixture(scope="module")
def shop(production: Machine) -> Shop:
    add = "/opt/tokenvault/bin/tokenvault merchant add 'Book Shop' --json --config"
    message = production.type(f"sudo -u tokenvault {add} /var/lib/tokenvault/vault/tokenvault.toml")
    return Shop(production, json.loads(message))


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
    status, message = shop.ask("POST", CARDS.format(customer="asha"), {"x": "y" * 20_000})
    assert (status, message["type"]) == (413, "invalid_request_error")


def test_both_servers_are_ready_and_share_the_calls(production: Machine, shop: Shop) -> None:
    for port in (18480, 18580):
        assert json.loads(production.type(f"curl -sS http://127.0.0.1:{port}/ready")) == {"status": "ready"}
    with answers(production) as answered_by:
        for _ in range(CALLS):
            shop.ask("GET", SAVED)
    assert set(answered_by) == SERVERS
    assert min(answered_by.values()) >= CALLS // 3


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


def test_a_server_writes_its_anchor_but_neither_its_configuration_nor_its_keys(production: Machine) -> None:
    server = production.type("systemctl show --property=MainPID --value tokenvault@8480").strip()
    seen = f"/proc/{server}/root/var/lib/tokenvault"
    production.type(f"touch {seen}/anchor/probe && rm {seen}/anchor/probe")
    for path in ("vault/tokenvault.toml", "vault/new", "new"):
        assert "Read-only file system" in production.type(f"touch {seen}/{path} || true")
    assert production.type(f"cat {seen}/vault/master.key") == ""
    assert '"keys"' in production.type("cat /var/lib/tokenvault/vault/master.key")


def test_a_server_makes_only_the_system_calls_of_its_unit(production: Machine) -> None:
    server = production.type("systemctl show --property=MainPID --value tokenvault@8480").strip()
    status = production.type(f"cat /proc/{server}/status")
    assert "\nSeccomp:\t2\n" in status
    assert "\nNoNewPrivs:\t1\n" in status
    assert "not permitted" not in production.type("cat /var/log/tokenvault@*.log")


def test_the_operators_page_is_typed_on_the_machine(production: Machine, shop: Shop) -> None:
    page = blocks("docs/how-to/run-in-production.md")
    typed = [block.text for block in page if block.language == "sh"]
    assert any("tokenvault backup" in text for text in typed)
    printed = production.type("\n".join(typed))
    assert "fetch_cryptogram" in printed
    assert "FAILED" not in printed
    assert re.search(r"^[0-9-]{10}\.age$", production.type("ls /var/backups/tokenvault"), re.MULTILINE)


def test_a_backup_is_restored_by_the_page_and_opened_by_age(production: Machine, shop: Shop) -> None:
    (drill,) = [block.text for block in blocks("docs/how-to/back-up-and-restore.md") if "createdb" in block.text]
    printed = production.type(drill)
    assert "\nrestored: vault vlt_" in printed
    assert printed.strip().splitlines()[-1].startswith("intact: ")
    listed = production.type(
        "age --decrypt -i /var/backups/tokenvault/recovery-key.txt /var/backups/tokenvault/drill.age | tar -t"
    )
    assert listed.split() == ["manifest.json", "manifest.mac", "store.pgdump", "tsp_store.pgdump"]


def test_a_server_for_other_machines_is_refused_without_tls(production: Machine) -> None:
    serve = "/opt/tokenvault/bin/tokenvault serve --host 0.0.0.0 --port 8680 --config"
    refused = production.type(f"! sudo -u tokenvault {serve} /var/lib/tokenvault/vault/tokenvault.toml 2>&1")
    assert "the API would listen beyond this machine without TLS" in refused


def test_a_killed_server_causes_no_failed_call_and_is_restarted(production: Machine, shop: Shop) -> None:
    main_pid = "systemctl show --property=MainPID --value tokenvault@8480"
    killed = production.type(main_pid)
    production.type("systemctl kill --signal=KILL tokenvault@8480")
    assert {shop.ask("GET", SAVED)[0] for _ in range(CALLS)} == {200}
    assert production.type(_wait()).count('{"status":"ready"}') == len(SERVERS)
    assert production.type(main_pid) != killed
    await_all_servers(production, shop)


@contextmanager
def answers(production: Machine) -> Iterator[Counter[str]]:
    """Yield a counter that has, after the block, how many calls each server answered through nginx."""
    size = int(production.type(f"stat --format %s {PROXY_LOG}"))
    answered_by: Counter[str] = Counter()
    yield answered_by
    lines = production.type(f"tail --bytes +{size + 1} {PROXY_LOG}").splitlines()
    answered_by.update(line.split()[-1] for line in lines)  # the last of the servers that nginx tried


def await_all_servers(production: Machine, shop: Shop) -> None:
    """Call until nginx uses all servers again: after a failure, it skips a server for a while."""
    deadline = time.monotonic() + BACK_SECONDS
    seen: Counter[str] = Counter()
    while set(seen) != SERVERS:
        assert time.monotonic() < deadline, f"nginx uses only {set(seen)}"
        with answers(production) as seen:
            for _ in SERVERS:
                assert shop.ask("GET", SAVED)[0] == 200


def _wait() -> str:
    """Return README's command that waits until both servers are ready."""
    (command,) = [
        line for _, text in _blocks() for line in text.replace("\\\n", "").splitlines() if "--retry-all" in line
    ]
    return command


def _blocks() -> list[Block]:
    page = tree.text(tree.ROOT / "README.md")
    (section,) = re.findall(r"^## In production\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return [Block(*found) for found in FENCE.findall(section)]
