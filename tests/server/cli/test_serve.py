"""`tokenvault serve` reports at once what it cannot serve with."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.commands import tokenvault
from tests.support.served_process import initialised
from tokenvault_server.cli import INVALID


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
