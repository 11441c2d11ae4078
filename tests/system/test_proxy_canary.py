"""The supplied nginx configuration: what a careless client sends is in no file of nginx, also with the vault down."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.repository import tree
from tests.security.everywhere import everywhere, no_http
from tests.security.spellings import leaks
from tests.support import emulator_process
from tests.support.emulator_process import VISA_DEBIT, Emulator
from tests.support.http_client import CALL_SECONDS
from tests.support.raw_socket import exchange, read, send
from tests.support.served_process import await_answers, free_port

pytestmark = pytest.mark.system

MISTYPED = "tvsk_a-secret-that-was-mistyped"
_MAIN = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tokenvault.conf;
}}
"""


@dataclass
class Run:
    """What nginx wrote."""

    secrets: list[str] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    """The statuses while the vault was up, and while it was down."""
    files: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def nginx(folder: Path, vault_port: int) -> Iterator[int]:
    """Run nginx with the supplied configuration, in which only ports and paths are changed; yield its port."""
    port = free_port()
    _make_certificate(folder)
    supplied = tree.text(tree.ROOT / "deploy/nginx.conf")
    changed = re.sub(r"listen \[::\]:443 [^;]*;", "", supplied).replace("listen 443", f"listen 127.0.0.1:{port}")
    changed = changed.replace("127.0.0.1:8480", f"127.0.0.1:{vault_port}").replace("127.0.0.1:8580", "127.0.0.1:1")
    changed = changed.replace("/etc/nginx/tls", str(folder)).replace("/var/log/nginx", str(folder))
    (folder / "tokenvault.conf").write_text(changed)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    program = shutil.which("nginx")
    assert program, "nginx is not installed"
    with subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "early.log")]) as process:
        try:
            await_answers(port, process)
            yield port
        finally:
            process.terminate()


def _make_certificate(folder: Path) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    files = ["-keyout", str(folder / "tokenvault.key"), "-out", str(folder / "tokenvault.crt")]
    subprocess.run([*command, *files], check=True, capture_output=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder, run = tmp_path_factory.mktemp("nginx"), Run()
    folder.chmod(0o755)
    with emulator_process.started("--no-rate-limits") as (running, process):
        run.secrets = [VISA_DEBIT, running.client_secret, MISTYPED]
        with nginx(folder, int(running.base_url.split(":")[2].split("/")[0])) as port:
            run.answers["up"] = misuse(running, port, run.secrets)
            process.terminate()
            process.wait()
            run.answers["down"] = misuse(running, port, run.secrets)
    run.files = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in {".key", ".crt", ".conf"}
    }
    return run


def misuse(running: Emulator, port: int, secrets: list[str]) -> list[int]:
    """Send every value in every part of a request, over TLS, and to the TLS port without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    statuses: list[int | None] = []
    for value in secrets:
        broken = list(no_http(value, running.headers()))
        statuses += [over_tls(context, port, each) for each in everywhere(value, running.headers())]
        statuses += [over_tls(context, port, each, ends=True) for each in broken]
        for each in broken:
            exchange(f"http://127.0.0.1:{port}", each, ends=True)
    return [status for status in statuses if status is not None]


def over_tls(context: ssl.SSLContext, port: int, message: bytes, *, ends: bool = False) -> int | None:
    """Send a request and return the status of its answer; with `ends`, close the sending side first."""
    with (
        socket.create_connection(("127.0.0.1", port), CALL_SECONDS) as plain,
        context.wrap_socket(plain) as connection,
    ):
        send(connection, [message])
        if ends:
            with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as beneath:
                beneath.shutdown(socket.SHUT_WR)  # `connection.shutdown` would end TLS in both directions
        answer = read(connection)
        return answer.status if answer else None


def test_the_canary_reached_the_vault_and_then_did_not(run: Run) -> None:
    assert {200, 400, 401, 404} <= set(run.answers["up"])
    assert run.answers["down"].count(502) > len(run.answers["down"]) / 2


def test_no_file_of_nginx_holds_a_secret(run: Run) -> None:
    assert {"tokenvault.log", "error.log"} <= run.files.keys()
    assert leaks(run.files, run.secrets) == []


def test_the_access_log_has_one_line_of_known_form_for_each_request(run: Run) -> None:
    line = re.compile(r"\S+ 127\.0\.0\.1 (GET|POST|DELETE|other) \d{3} [\d.]+ \S+ [\d, -]+ [\w.:, -]+")
    lines = run.files["tokenvault.log"].decode().splitlines()
    assert [each for each in lines if not line.fullmatch(each)] == []
    assert len(lines) >= len(run.answers["up"]) + len(run.answers["down"])
    assert sum(" req_" in each or bool(re.search(r"[0-9a-f]{8}-", each)) for each in lines) > 100
