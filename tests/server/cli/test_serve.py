"""`tokenvault serve` reports at once what it cannot serve with."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.commands import tokenvault
from tests.support.served_process import initialised
from tokenvault_server.cli import INVALID
from tokenvault_server.cli.serve import check_production_settings
from tokenvault_server.settings import load


@pytest.mark.parametrize("shares_its_port", [False, True])
def test_a_port_that_another_server_has_is_refused(tmp_path: Path, *, shares_its_port: bool) -> None:
    config = initialised(tmp_path / "vault")
    with socket.socket() as other:
        if shares_its_port:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = tokenvault("serve", "--config", str(config), "--port", str(port))
    assert done.returncode == INVALID
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "another process may have the port" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "vault.example"])
def test_an_api_beyond_this_machine_without_tls_is_refused(tmp_path: Path, host: str) -> None:
    config = initialised(tmp_path / "vault")
    done = tokenvault("serve", "--config", str(config), "--host", host)
    assert done.returncode == INVALID
    assert "the API would listen beyond this machine without TLS" in done.stderr
    assert "--behind-proxy" in done.stderr


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1", {}),
        ("127.0.0.9", {}),
        ("::1", {}),
        ("localhost", {}),
        ("0.0.0.0", {"behind_proxy": True}),
        ("0.0.0.0", {"tls_certificate": "chain.pem", "tls_key": "key.pem"}),
    ],
)
def test_an_api_on_this_machine_behind_a_proxy_or_with_tls_is_not(
    tmp_path: Path, host: str, said: dict[str, object]
) -> None:
    config = initialised(tmp_path / "vault")
    check_production_settings(load({}, config, {"host": host} | said), workers=1)


def test_the_flag_is_the_setting(tmp_path: Path) -> None:
    config = initialised(tmp_path / "vault")
    done = tokenvault("serve", "--config", str(config), "--host", "192.0.2.7", "--behind-proxy")
    assert (done.returncode, "cannot listen on 192.0.2.7" in done.stderr) == (INVALID, True)
