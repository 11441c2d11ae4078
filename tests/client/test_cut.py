"""Where an answer ends: over TLS only the other side may say so, not whoever cuts the line (RFC 8446, 6.1)."""

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
from tests.client.faults import CHUNKED, GOOD, answer
from tests.client.ways import TASKS, THREADS
from tokenvault_client import TransportError
from tokenvault_client._transports import Request, Response
from tokenvault_client.transports import Connecting

SECONDS = 10
WAYS = ["http1", "http1 on asyncio", "http1 on uvloop"]
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n" + GOOD


@contextmanager
def ending(authority: Authority, said: bytes, *, cut: bool, at_once: bool = False) -> Iterator[str]:
    """Runs a server that answers, and then ends TLS as it should, or just the line."""
    context = authority.server()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(connection: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                if not at_once:
                    secured.recv(65536)
                secured.sendall(said)
                if cut:
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


def ask(way: str, url: str, authority: Authority) -> Response:
    """Makes one request."""
    connecting, request = Connecting(ca_pem=authority.file.read_bytes()), Request("GET", url, ())
    if way == "http1":
        return THREADS[way](connecting).send(request, SECONDS)

    async def asked() -> Response:
        transport = TASKS["http1 async"](connecting)
        try:
            return await transport.send(request, SECONDS)
        finally:
            await transport.close()

    return uvloop.run(asked()) if "uvloop" in way else asyncio.run(asked())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_without_a_length_ends_where_tls_ends(way: str, authority: Authority) -> None:
    with ending(authority, UNTIL_THE_END, cut=False) as url:
        assert ask(way, url, authority) == Response(200, {}, GOOD)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", [UNTIL_THE_END, CHUNKED + b"17\r\n" + GOOD, answer(length=100)])
def test_whoever_cuts_the_line_does_not_end_an_answer(way: str, said: bytes, authority: Authority) -> None:
    with ending(authority, said, cut=True) as url, pytest.raises(TransportError) as failed:
        ask(way, url, authority)
    assert failed.value.sent
    assert not isinstance(failed.value, TimeoutError)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", [answer(), CHUNKED + b"17\r\n" + GOOD + b"\r\n0\r\n\r\n"])
def test_an_answer_that_says_its_length_is_whole_whatever_follows(way: str, said: bytes, authority: Authority) -> None:
    with ending(authority, said, cut=True) as url:
        assert ask(way, url, authority).body == GOOD


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_to_nothing_does_not_keep_anybody_waiting(way: str, authority: Authority) -> None:
    with ending(authority, answer(), cut=False, at_once=True) as url, suppress(TransportError):
        assert ask(way, url, authority).body == GOOD
