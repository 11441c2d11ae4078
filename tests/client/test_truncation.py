"""The end of a response over TLS: only the peer can end it, not an attacker who cuts the connection (RFC 8446, 6.1)."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvloop

from tests.client.authority import Authority
from tests.client.faulty_server import CHUNKED, GOOD, response
from tests.client.transports import ASYNC_TRANSPORTS, SYNC_TRANSPORTS
from tokenvault_client import TransportError
from tokenvault_client._transports import Request, Response
from tokenvault_client.transports import Connecting

SECONDS = 10
TRANSPORTS = ["http1", "http1 on asyncio", "http1 on uvloop"]
WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n" + GOOD


@contextmanager
def server_that_ends(
    authority: Authority, sent: bytes, *, truncated: bool, before_request: bool = False
) -> Iterator[str]:
    """Run a server that sends data, and then ends TLS correctly or, if `truncated`, ends only TCP."""
    context = authority.server()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(connection: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                if not before_request:
                    secured.recv(65536)
                secured.sendall(sent)
                if truncated:
                    socket.socket.shutdown(secured, socket.SHUT_WR)
                else:
                    secured.unwrap()
                secured.recv(1)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/x"
        listening.shutdown(socket.SHUT_RDWR)


def send(transport: str, url: str, authority: Authority) -> Response:
    """Send one request."""
    connecting, request = Connecting(ca_pem=authority.file.read_bytes()), Request("GET", url, ())
    if transport == "http1":
        return SYNC_TRANSPORTS[transport](connecting).send(request, SECONDS)

    async def send_async() -> Response:
        carrier = ASYNC_TRANSPORTS["http1 async"](connecting)
        try:
            return await carrier.send(request, SECONDS)
        finally:
            await carrier.close()

    return uvloop.run(send_async()) if "uvloop" in transport else asyncio.run(send_async())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_response_without_a_length_ends_where_tls_ends(transport: str, authority: Authority) -> None:
    with server_that_ends(authority, WITHOUT_LENGTH, truncated=False) as url:
        assert send(transport, url, authority) == Response(200, {}, GOOD)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("sent", [WITHOUT_LENGTH, CHUNKED + b"17\r\n" + GOOD, response(length=100)])
def test_a_cut_connection_does_not_complete_a_response(transport: str, sent: bytes, authority: Authority) -> None:
    with server_that_ends(authority, sent, truncated=True) as url, pytest.raises(TransportError) as failed:
        send(transport, url, authority)
    assert failed.value.sent
    assert not isinstance(failed.value, TimeoutError)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("sent", [response(), CHUNKED + b"17\r\n" + GOOD + b"\r\n0\r\n\r\n"])
def test_a_response_with_a_length_is_complete_before_the_cut(transport: str, sent: bytes, authority: Authority) -> None:
    with server_that_ends(authority, sent, truncated=True) as url:
        assert send(transport, url, authority).body == GOOD


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_response_without_a_request_does_not_block_the_call(transport: str, authority: Authority) -> None:
    with server_that_ends(authority, response(), truncated=False, before_request=True) as url, suppress(TransportError):
        assert send(transport, url, authority).body == GOOD
