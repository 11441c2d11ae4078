"""Commands add, list and remove endpoints, and list, show and resend deliveries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import emulator
from tests.support.served_process import initialised
from tests.support.webhook_listener import listening

NOT_FOUND = 6
INVALID = 3


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(initialised(tmp_path / "vault"))


@pytest.fixture
def merchant(config: str) -> str:
    return str(run_json("merchant", "add", "Corner Shop", "--config", config)["merchant_id"])


def test_an_endpoint_is_added_listed_and_removed(config: str, merchant: str) -> None:
    added = run_json("webhooks", "endpoints", "add", merchant, "https://shop.example/hook", "--config", config)
    (listed,) = run_json("webhooks", "endpoints", "list", "--config", config)
    assert listed == added
    assert listed["url"] == "https://shop.example/hook"
    removed = tokenvault("webhooks", "endpoints", "remove", merchant, added["endpoint_id"], "--config", config)
    assert removed.stdout == f"{added['endpoint_id']} is removed\n"
    assert run_json("webhooks", "endpoints", "list", "--merchant", merchant, "--config", config) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://shop.example/", "https://"),
        ("https://127.0.0.1/", "not public"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://user:pass@shop.example/", "neither a user"),
    ],
)
def test_an_endpoint_that_must_not_be_called_is_refused(config: str, merchant: str, url: str, reason: str) -> None:
    refused = tokenvault("webhooks", "endpoints", "add", merchant, url, "--config", config)
    assert refused.returncode == INVALID
    assert reason in refused.stderr
    assert run_json("webhooks", "endpoints", "list", "--config", config) == []


def test_settings_allow_networks_and_http(config: str, merchant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "10.1.0.0/16, 127.0.0.0/8")
    for url in ("http://127.0.0.1/", "http://10.1.2.3/"):
        assert tokenvault("webhooks", "endpoints", "add", merchant, url, "--config", config).returncode == 0
    assert tokenvault("webhooks", "endpoints", "add", merchant, "http://10.2.0.1/", "--config", config).returncode


def test_a_merchant_has_at_most_ten_endpoints(config: str, merchant: str) -> None:
    codes = [
        tokenvault("webhooks", "endpoints", "add", merchant, f"https://shop.example/{number}", "--config", config)
        for number in range(11)
    ]
    assert [done.returncode for done in codes] == [0] * 10 + [INVALID]


@pytest.mark.parametrize(
    "arguments",
    [
        ("endpoints", "add", "mer_nobody", "https://shop.example/"),
        ("endpoints", "remove", "mer_nobody", "whe_none"),
        ("show", "mer_nobody", "evt_none"),
        ("show", "mer_nobody", "evt_none", "--body"),
        ("resend", "mer_nobody", "evt_none"),
    ],
)
def test_unknown_ids_are_not_found(config: str, arguments: tuple[str, ...]) -> None:
    assert tokenvault("webhooks", *arguments, "--config", config).returncode == NOT_FOUND


def test_an_event_is_listed_shown_and_sent_again(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "vault"))
    with listening() as listener, emulator(*data, "--webhook-url", listener.url) as running:
        card = running.save("asha")
        first = listener.next()
        merchant = running.partner_merchant_id
        (listed,) = run_json("webhooks", "list", merchant, *data)
        assert listed["instrument_id"] == card["instrument_id"]
        body = tokenvault("webhooks", "show", merchant, listed["event_id"], "--body", *data).stdout
        assert json.loads(body) == json.loads(first.body)
        again = tokenvault("webhooks", "resend", merchant, listed["event_id"], *data)
        assert again.stdout == f"{listed['event_id']} is sent again to {listed['endpoint_id']}\n"
        assert listener.next().body == first.body
        assert len(run_json("webhooks", "show", merchant, listed["event_id"], *data)) == 2
        assert run_json("webhooks", "list", merchant, "--state", "dead", *data) == []


def test_a_restarted_emulator_keeps_its_endpoint(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "vault"))
    with listening() as listener:
        for customer in ("asha", "ben"):
            with emulator(*data, "--webhook-url", listener.url) as running:
                running.save(customer)
                listener.next()
        assert len(run_json("webhooks", "endpoints", "list", *data)) == 1
        assert listener.attempts.empty()
