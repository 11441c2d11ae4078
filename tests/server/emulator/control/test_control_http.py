"""The control plane over HTTP: every operation, its errors, and who may call it."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import msgspec
import pytest

from tests.support.embedded import LIST, ask, saved
from tests.support.emulator_process import instruments
from tests.support.http_client import Answer, Connection
from tokenvault_server.embedded import ControlError, Emulator
from tokenvault_server.emulator.control.operations import OPERATIONS
from tokenvault_server.emulator.control.plane import ControlPlane
from tokenvault_server.emulator.control_client import ControlClient, steer
from tokenvault_server.errors import SettingsError, StoreError

JSON = {"content-type": "application/json"}


def control(
    emulator: Emulator, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    with Connection(emulator.control_url, {}) as connection:
        content = None if body is None else json.dumps(body).encode()
        return connection.ask(method, path, content, JSON if headers is None else headers)


def requests_of(emulator: Emulator) -> dict[str, tuple[str, str, Any]]:
    """Return a request of every operation, by its key; each of them succeeds."""
    card = saved(emulator)
    ask(emulator, "GET", instruments("asha") + LIST)
    emulator.webhooks.wait_for(type="INSTRUMENT_ACTIVE_WEBHOOK")
    rule = emulator.faults.add(status=500, nth=1_000_000).id
    call = emulator.requests.find(method="GET")[0].id
    return {
        "about": ("GET", "", None),
        "seed": ("POST", "/seed", {"customers": [{"id": "ravi"}]}),
        "take_snapshot": ("GET", "/snapshot", None),
        "restore_snapshot": ("PUT", "/snapshot", msgspec.to_builtins(emulator.snapshot())),
        "read_clock": ("GET", "/clock", None),
        "set_clock": ("POST", "/clock/set", {"at": "2027-01-01T00:00:00Z"}),
        "advance_clock": ("POST", "/clock/advance", {"days": 30}),
        "freeze_clock": ("POST", "/clock/freeze", {}),
        "resume_clock": ("POST", "/clock/resume", {}),
        "list_faults": ("GET", "/faults", None),
        "add_fault": ("POST", "/faults", {"rule": {"then": {"delay_ms": 1}, "match": {"nth": 9}}}),
        "remove_fault": ("DELETE", f"/faults/{rule}", None),
        "clear_faults": ("DELETE", "/faults", None),
        "find_requests": ("GET", "/requests?customer=asha&status=200&limit=5", None),
        "assert_requests": ("POST", "/requests/assert", {"customer": "asha", "at_least": 1}),
        "show_request": ("GET", f"/requests/{call}", None),
        "replay_request": ("POST", f"/requests/{call}/replay", {}),
        "curl_request": ("GET", f"/requests/{call}/curl", None),
        "find_webhooks": ("GET", "/webhooks?customer=asha&attempt=1", None),
        "deliver_webhooks": ("POST", "/webhooks/deliver", {}),
        "fire_webhook": ("POST", "/webhooks/fire", {"type": "INSTRUMENT_ACTIVE_WEBHOOK", "instrument": card}),
        "show_webhook": ("GET", "/webhooks/1", None),
        "resend_webhook": ("POST", "/webhooks/1/resend", {}),
        "list_endpoints": ("GET", "/webhook-endpoints", None),
        "add_endpoint": ("POST", "/webhook-endpoints", {"url": "http://webhooks.invalid/x"}),
        "remove_endpoint": ("DELETE", "/webhook-endpoints?url=http://webhooks.invalid/x", None),
        "list_cards": ("GET", "/cards?customer=asha", None),
        "act_on_card": ("POST", f"/cards/{card}/reissue", {"last4": "4242"}),
        "list_magic": ("GET", "/magic", None),
        "clear_webhooks": ("DELETE", "/webhooks", None),
        "clear_requests": ("DELETE", "/requests", None),
        "reset": ("POST", "/reset", {}),
    }


def test_every_operation_answers_over_http_as_the_document_says(emulator: Emulator) -> None:
    document = control(emulator, "GET", "/openapi.json").json()
    requests = requests_of(emulator)
    assert requests.keys() == {operation.key for operation in OPERATIONS}
    # A snapshot goes back to a state before the journal's calls, so it comes last but one.
    later = ("restore_snapshot", "reset")
    for key in [*(each for each in requests if each not in later), *later]:
        method, path, body = requests[key]
        answer = control(emulator, method, path, body)
        assert answer.status == 200, (key, answer.body)
        operation = next(each for each in OPERATIONS if each.key == key)
        msgspec.json.decode(answer.body, type=operation.returns)
        content = document["paths"][operation.path][method.lower()]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"] | {"components": document["components"]}
        jsonschema_rs.validate(schema, answer.json())


def test_every_operation_has_its_verb() -> None:
    assert all(callable(getattr(ControlPlane, operation.key)) for operation in OPERATIONS)


def test_the_document_describes_every_operation_and_refers_to_nothing_else(emulator: Emulator) -> None:
    answer = control(emulator, "GET", "/openapi.json")
    document = answer.json()
    references = set(re.findall(r'"#/components/schemas/(\w+)"', answer.body.decode()))
    assert references == document["components"]["schemas"].keys()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    assert emulator.control_url in document["servers"][0]["url"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing", None, 404, "path_not_found"),
        ("DELETE", "/reset", None, 404, "method_not_found"),
        ("POST", "/clock/set", {"at": 7}, 400, "request_invalid"),
        ("POST", "/clock/set", {}, 400, "request_invalid"),
        ("POST", "/clock/set", {"at": "2027-01-01T00:00:00Z", "when": "now"}, 400, "request_invalid"),
        ("POST", "/cards/i1/burn", {}, 400, "action_invalid"),
        ("POST", "/cards/i1/suspend", {}, 404, "card_not_found"),
        ("GET", "/requests?status=ok", None, 400, "request_invalid"),
        ("GET", "/requests/7", None, 404, "request_not_found"),
        ("POST", "/requests/assert", {"count": 7}, 409, "assertion_failed"),
        ("POST", "/seed", {"customers": [{"id": "4706131211212123"}]}, 400, "customers.id_invalid"),
    ],
)
def test_an_error_says_what_is_allowed(
    emulator: Emulator, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = control(emulator, method, path, body)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    if code not in {"assertion_failed", "card_not_found", "request_not_found"}:
        assert answer.json()["allowed"]
    assert "4706131211212123" not in answer.body.decode()


def test_a_body_that_is_not_json_is_refused(emulator: Emulator) -> None:
    with Connection(emulator.control_url, JSON) as connection:
        assert connection.ask("POST", "/clock/set", b"{").json()["code"] == "request_invalid"
        assert connection.ask("POST", "/cards/i1/suspend", b"[]").json()["code"] == "request_invalid"
        assert connection.ask("POST", "/reset", b"").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
    ],
)
def test_only_json_is_taken(emulator: Emulator, headers: dict[str, str]) -> None:
    assert control(emulator, "POST", "/reset", {}, headers).status == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/reset"), ("GET", "/requests"), ("GET", "/openapi.json")])
def test_a_page_in_the_developers_browser_cannot_steer(
    emulator: Emulator, headers: dict[str, str], method: str, path: str
) -> None:
    answer = control(emulator, method, path, {} if method == "POST" else None, JSON | headers)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_preflight_is_not_answered(emulator: Emulator) -> None:
    answer = control(emulator, "OPTIONS", "/reset", None, {"origin": "http://evil.example"})
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_foreign_host_name_is_refused(emulator: Emulator) -> None:
    assert control(emulator, "POST", "/reset", {}, JSON | {"host": "evil.example"}).status == 400


def test_a_wrong_token_finds_nothing(emulator: Emulator) -> None:
    wrong = emulator.control_url[:-1] + ("A" if emulator.control_url[-1] != "A" else "B")
    with pytest.raises(ControlError, match="no running emulator"):
        steer(wrong).reset()


def test_the_api_cannot_steer(emulator: Emulator) -> None:
    path = urlsplit(emulator.control_url).path
    with Connection(emulator.base_url.removesuffix("/pg"), JSON) as connection:
        assert connection.ask("POST", f"{path}/reset", b"{}").status in {401, 404, 405}


def test_an_answer_cannot_be_cached_or_framed(emulator: Emulator) -> None:
    headers = control(emulator, "GET", "/clock").headers
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_another_process_steers_by_the_url_as_a_test_does_in_python(emulator: Emulator) -> None:
    remote = steer(emulator.control_url)
    instrument_id = saved(emulator)
    assert remote.about().merchant_id == emulator.partner_merchant_id
    assert remote.cards.suspend(instrument_id) == emulator.cards.list()[0]
    assert remote.requests.find(customer="asha") == emulator.requests.find(customer="asha")
    with pytest.raises(ControlError, match="fetch_cryptogram") as refused:
        remote.faults.add(operation="fetch", status=500)
    assert refused.value.code == "match.operation_invalid"
    with pytest.raises(AssertionError):
        remote.requests.expect(count=7)


def test_the_client_shows_no_token_and_says_what_is_wrong(emulator: Emulator) -> None:
    token = emulator.control_url.rpartition("/")[2]
    assert token not in repr(ControlClient(emulator.control_url))
    for url in ("", "http://127.0.0.1:8481/", "https://127.0.0.1:8481/_emulator/x", "file:///_emulator/x"):
        with pytest.raises(SettingsError):
            ControlClient(url)
    with pytest.raises(StoreError, match="does not answer") as away:
        steer("http://127.0.0.1:1/_emulator/x").reset()
    assert "port 1" in away.value.hint
