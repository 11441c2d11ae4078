"""Health, readiness, metrics and the status page, and the host names that they are served under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tokenvault_server.console.asgi import AdminApp
from tokenvault_server.console.pages import HEADERS
from tokenvault_server.console.status import Status
from tokenvault_server.errors import StoreError
from tokenvault_server.vault.audit_anchor import AnchorState


@dataclass
class Health:
    """Is healthy until `error` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.open_circuits: list[str] = []
        self.unreadable = 0
        self.anchor = AnchorState.MATCHES

    async def check(self) -> None:
        if self.error:
            raise self.error


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


class Admin:
    """Calls the admin application as a browser would."""

    def __init__(self, status: Status) -> None:
        self.status = status
        self._app = AdminApp(status)

    async def get(self, path: str, host: str = "127.0.0.1:8481", method: str = "GET", query: str = "") -> Answer:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 8481),
            "headers": [(b"host", host.encode())] if host else [],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]).decode())


async def _control(_request: Request, path: str) -> Response:
    """Stand for a control plane: answer with the path."""
    return Response(path, headers=HEADERS)


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def admin(health: Health) -> Admin:
    return Admin(
        Status(
            mode="emulator",
            version="0.1.0",
            base_url="http://127.0.0.1:8480/pg?<script>",
            vault_id="vlt_1",
            check=health.check,
            metrics=lambda: b"tokenvault_calls_total 1.0\n",
            open_circuits=lambda: health.open_circuits,
            unreadable_records=lambda: health.unreadable,
            anchor=lambda: health.anchor,
            control=lambda: _control,
            control_token="the-token",
        )
    )


async def test_a_running_process_is_healthy_whatever_else_is_wrong(admin: Admin, health: Health) -> None:
    health.error = StoreError("gone")
    assert (await admin.get("/health")).status == 200


async def test_a_vault_that_can_serve_is_ready(admin: Admin) -> None:
    assert ((await admin.get("/ready")).status, (await admin.get("/ready")).text) == (200, '{"status":"ready"}')


async def test_a_vault_whose_token_service_fails_is_ready_and_lists_open_circuits(admin: Admin, health: Health) -> None:
    health.open_circuits = ["local.provision"]
    answer = await admin.get("/ready")
    assert (answer.status, answer.text) == (200, '{"status":"ready","open_circuits":["local.provision"]}')


async def test_a_vault_with_broken_records_is_ready_and_counts_them(admin: Admin, health: Health) -> None:
    health.unreadable = 3
    answer = await admin.get("/ready")
    assert (answer.status, answer.text) == (200, '{"status":"ready","unreadable_records":3}')
    assert "<dt>records that did not open since the start</dt><dd><code>3</code></dd>" in (await admin.get("/")).text


@pytest.mark.parametrize("state", [AnchorState.MISSING, AnchorState.UNREADABLE, AnchorState.CONTRADICTED])
async def test_a_vault_with_a_wrong_anchor_is_ready_and_says_so(
    admin: Admin, health: Health, state: AnchorState
) -> None:
    health.anchor = state
    answer = await admin.get("/ready")
    assert (answer.status, answer.text) == (200, f'{{"status":"ready","audit_anchor":"{state}"}}')
    assert f"<dt>audit anchor</dt><dd><code>{state}</code></dd>" in (await admin.get("/")).text


async def test_a_vault_that_cannot_serve_is_not_ready_and_hides_the_reason(admin: Admin, health: Health) -> None:
    health.error = StoreError("the database is locked", hint="look at /srv/vault.db")
    answer = await admin.get("/ready")
    assert (answer.status, answer.text) == (503, '{"status":"unavailable"}')


async def test_an_unforeseen_failure_of_the_check_is_logged_without_its_frames(
    admin: Admin, health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    health.error = RuntimeError("with a key")
    answer = await admin.get("/ready")
    assert (answer.status, answer.text) == (503, '{"status":"unavailable"}')
    record = vars(caplog.records[0])
    assert (record["error"], record["exc_info"]) == ("RuntimeError", None)
    assert "with a key" not in str(record)


async def test_a_draining_vault_is_not_ready(admin: Admin) -> None:
    admin.status.draining = True
    answer = await admin.get("/ready")
    assert (answer.status, answer.text) == (503, '{"status":"draining"}')
    assert (await admin.get("/health")).status == 200


async def test_metrics_are_in_the_prometheus_format(admin: Admin) -> None:
    answer = await admin.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.text == "tokenvault_calls_total 1.0\n"


async def test_the_status_page_shows_escaped_facts(admin: Admin) -> None:
    page = (await admin.get("/")).text
    assert "emulator" in page
    assert "vlt_1" in page
    assert "<script>" not in page


async def test_no_page_shows_the_control_token(admin: Admin) -> None:
    for path in ("/", "/health", "/ready", "/metrics"):
        assert "the-token" not in (await admin.get(path)).text
    assert "the-token" not in repr(admin.status)


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics", "/_emulator/the-token", "/_emulator/wrong"])
async def test_no_page_can_be_cached_framed_or_sniffed(admin: Admin, path: str) -> None:
    headers = (await admin.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8481", "localhost:8481", "[::1]", "[::1]:8481"])
async def test_own_host_names_are_served(admin: Admin, host: str) -> None:
    assert (await admin.get("/health", host)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8481", "127.0.0.1.evil.example", "localhost.evil.example", ""]
)
async def test_a_foreign_host_name_is_refused(admin: Admin, host: str) -> None:
    assert (await admin.get("/_emulator/the-token", host)).status == 400


async def test_the_configured_host_name_is_served(admin: Admin) -> None:
    admin.status.admin_host = "10.0.0.7"
    assert (await admin.get("/health", "10.0.0.7:8481")).status == 200
    assert (await admin.get("/health", "evil.example")).status == 400


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
async def test_a_listener_that_is_open_to_a_network_serves_every_host_name(admin: Admin, address: str) -> None:
    admin.status.admin_host = address
    assert (await admin.get("/ready", "vault.internal:8481")).status == 200


async def test_the_control_url_answers_with_the_right_token(admin: Admin) -> None:
    assert (await admin.get("/_emulator/the-token")).text == "/"
    assert (await admin.get("/_emulator/the-token/clock/set", method="POST")).text == "/clock/set"


@pytest.mark.parametrize("token", ["wrong", "the-token2", "the-toke", "%00", "ü"])
async def test_any_other_token_is_not_found(admin: Admin, token: str) -> None:
    assert (await admin.get(f"/_emulator/{token}")).status == 404


async def test_without_a_token_there_is_no_control_url(admin: Admin) -> None:
    admin.status.control_token = ""
    for token in ("", "the-token"):
        assert (await admin.get(f"/_emulator/{token}")).status == 404


async def test_a_server_without_a_control_plane_cannot_route_it(admin: Admin) -> None:
    admin.status.control = None
    for path in ("/_emulator/the-token", "/_emulator/the-token/reset"):
        assert (await admin.get(path, method="POST")).status == 404


async def test_an_emulator_serves_the_document_of_each_version(admin: Admin) -> None:
    admin.status.openapi = {"2025-01-01": lambda: {"openapi": "older"}, "2026-01-01": lambda: {"openapi": "newest"}}
    assert (await admin.get("/openapi.json")).text == '{"openapi":"newest"}'
    assert (await admin.get("/openapi.json", query="version=2025-01-01")).text == '{"openapi":"older"}'
    assert (await admin.get("/openapi.json", query="version=<b>")).status == 404
    assert '"/openapi.json"' in (await admin.get("/")).text


async def test_a_server_without_documents_serves_none(admin: Admin) -> None:
    assert (await admin.get("/openapi.json")).status == 404
    assert (await admin.get("/openapi.json", query="version=")).status == 404
    assert "openapi" not in (await admin.get("/")).text


async def test_other_pages_are_not_found_and_no_page_accepts_post(admin: Admin) -> None:
    assert (await admin.get("/admin")).status == 404
    assert (await admin.get("/health", method="POST")).status == 405
