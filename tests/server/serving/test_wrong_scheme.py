"""A client that speaks https to a port of http, or the other way round: both sides say so."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from cashfree_pg import Cashfree
from cashfree_pg.exceptions import ApiException
from tests.client.authority import Authority
from tests.client.recording_server import recording_server
from tests.client.scripted_call import response
from tests.client.transports import TRANSPORTS, ClientOptions, call
from tests.support import emulator_process, served_process
from tests.support.emulator_process import STOP_SECONDS, Emulator
from tests.support.log_lines import lines_of
from tests.support.raw_socket import exchange
from tokenvault_client import Client, TransportError
from tokenvault_client._error_responses import error_of
from tokenvault_contract.operations import FETCH_INSTRUMENT
from tokenvault_server.serving.handshakes import FailedHandshakes
from tokenvault_server.telemetry.repeats import Repeats

CALL = ("fetch_instrument", "asha", "i1")
CLIENT_HELLO = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + b"\x00" * 240
HTTP_PORT = "use http:// in base_url"
TLS_PORT = "use https:// in base_url"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schemes")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    authority = Authority(folder)
    authority.server()
    return authority


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[Emulator]:
    with emulator_process.emulator(log=folder / "emulator.log") as running:
        yield running


@pytest.fixture(scope="module")
def secure(folder: Path, authority: Authority) -> Iterator[Emulator]:
    with served_process.started(folder / "vault", folder / "serve.log", tls=authority.server_file) as (
        running,
        process,
    ):
        yield running
        process.terminate()
        process.wait(STOP_SECONDS)


def options(running: Emulator, base_url: str) -> ClientOptions:
    return ClientOptions(
        base_url=base_url, client_id="me", client_secret=running.client_secret, max_retries=0, connect_timeout=5
    )


def other_scheme(url: str) -> str:
    return url.replace("http:", "https:") if url.startswith("http:") else url.replace("https:", "http:")


def line_about(log: Path, event: str) -> dict[str, Any]:
    """Return the first line about an event, which may follow the answer that the test has seen."""
    never = Event()
    for _ in range(500):
        if found := [line for line in lines_of(log) if line["event"] == event]:
            return found[0]
        never.wait(0.01)
    raise AssertionError(f"no line about: {event}")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_of_https_is_told_that_the_port_speaks_http(transport: str, plain: Emulator) -> None:
    with pytest.raises(TransportError, match=HTTP_PORT) as failed:
        call(transport, options(plain, other_scheme(plain.base_url)), *CALL)
    assert not failed.value.sent
    assert plain.client_secret not in str(failed.value)


def test_the_server_says_that_a_client_spoke_tls_to_its_port_of_http(plain: Emulator, folder: Path) -> None:
    answer = exchange(plain.base_url, CLIENT_HELLO)
    assert answer
    assert (answer.status, answer.body) == (400, b"This port speaks plain http. Use http:// in the URL.")
    told = line_about(folder / "emulator.log", "a client spoke TLS to a port of plain http")
    assert told.items() >= {"level": "warning", "origin": "127.0.0.1"}.items()
    assert "http://" in str(told["hint"])


def test_the_admin_listener_says_so_as_well(plain: Emulator) -> None:
    answer = exchange(plain.console_url, CLIENT_HELLO)
    assert answer
    assert b"plain http" in answer.body


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x02\x00", b"\x00", b"\x80\x2e\x01", b"GET"])
def test_other_bytes_are_not_taken_for_tls(plain: Emulator, first: bytes) -> None:
    answer = exchange(plain.base_url, first + b"\r\n\r\n", ends=True)
    assert answer is None or b"speaks plain http" not in answer.body


def test_tls_bytes_inside_a_connection_are_not_taken_for_a_beginning(plain: Emulator) -> None:
    where = urlsplit(plain.base_url)
    with socket.create_connection((where.hostname, where.port), 5) as connection:
        connection.sendall(b"GET /pg HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 404 " in connection.recv(4096).split(b"\r\n")[0]
        connection.sendall(CLIENT_HELLO)
        assert b"speaks plain http" not in connection.recv(4096)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_of_http_is_told_that_the_port_speaks_tls(transport: str, secure: Emulator) -> None:
    with pytest.raises(TransportError, match=TLS_PORT):
        call(transport, options(secure, other_scheme(secure.base_url)), *CALL)


def test_the_server_says_that_a_client_spoke_http_to_its_port_of_tls(secure: Emulator, folder: Path) -> None:
    where = urlsplit(secure.base_url)
    with socket.create_connection((where.hostname, where.port), 5) as connection:
        connection.sendall(b"GET /pg HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(2) == b"\x15\x03"
    told = line_about(folder / "serve.log", "a client spoke plain http to a port of TLS")
    assert told.items() >= {"level": "warning", "logger": "_granian.workers", "origin": "127.0.0.1"}.items()
    assert "https://" in str(told["hint"])


def test_a_client_with_the_right_scheme_is_served_and_other_handshakes_are_not_logged(
    secure: Emulator, folder: Path, authority: Authority
) -> None:
    where = urlsplit(secure.base_url)
    socket.create_connection((where.hostname, where.port), 5).close()
    with Client(
        base_url=secure.base_url,
        client_id=secure.client_id,
        client_secret=secure.client_secret,
        ca_file=authority.file,
    ) as client:
        assert client.fetch_instruments("asha").data == ()
    events = {str(line["event"]) for line in lines_of(folder / "serve.log")}
    assert [event for event in events if "handshake" in event] == []


def test_the_drop_in_says_so_too(plain: Emulator) -> None:
    api = Cashfree(Cashfree.SANDBOX, "me", "s", XBaseUrl=other_scheme(plain.base_url))
    with pytest.raises(ApiException) as failed:
        api.PGCustomerFetchInstrument("asha", "i1")
    assert failed.value.status == 0
    assert HTTP_PORT in str(failed.value)


@pytest.mark.parametrize(
    "body",
    [b"<h1>The plain HTTP request was sent to HTTPS port</h1>", b"Client sent an HTTP request to an HTTPS server.\n"],
)
@pytest.mark.parametrize("is_secure", [False, True])
def test_a_proxy_that_answers_http_on_its_port_of_tls_gets_a_hint(body: bytes, *, is_secure: bool) -> None:
    url = f"http{'s' if is_secure else ''}://127.0.0.1/pg"
    error = error_of(response(400, body), FETCH_INSTRUMENT, url, request_id="r", retry_after=None)
    assert ("use https://" in str(error)) != is_secure


def test_a_certificate_that_nobody_vouches_for_is_not_called_a_wrong_scheme(authority: Authority) -> None:
    with recording_server(tls=authority.server()) as server, pytest.raises(TransportError) as failed:
        call("http1", ClientOptions(base_url=server.base_url, client_id="me", client_secret="s", max_retries=0), *CALL)
    assert "base_url" not in str(failed.value)


def test_strangers_with_many_addresses_write_no_more_lines_than_one() -> None:
    repeats = Repeats()
    records = [
        logging.makeLogRecord({"levelno": logging.WARNING, "msg": "a client spoke TLS", "origin": f"2001:db8::{each}"})
        for each in range(100)
    ]
    assert [repeats.passes(record) for record in records].count(True) == 3
    assert len(repeats) == 1


def granians_line(error: str, address: str = "127.0.0.1:5") -> logging.LogRecord:
    text = f"TCP handshake failed with error: TlsAcceptError {{ error: {error}, peer_addr: {address} }}"
    return logging.makeLogRecord({"levelno": logging.DEBUG, "levelname": "DEBUG", "msg": text})


@pytest.mark.parametrize(("address", "origin"), [("10.0.0.7:39712", "10.0.0.7"), ("[2001:db8::1]:443", "2001:db8::1")])
def test_the_line_of_granian_becomes_one_of_ours(address: str, origin: str) -> None:
    record = granians_line("Custom { kind: InvalidData, error: InvalidMessage(InvalidContentType) }", address)
    assert FailedHandshakes("warning").filter(record)
    assert (record.levelname, record.getMessage()) == ("WARNING", "a client spoke plain http to a port of TLS")
    assert vars(record)["origin"] == origin


def test_the_chosen_level_holds_for_lines_of_granian() -> None:
    eof = 'Custom { kind: UnexpectedEof, error: "tls handshake eof" }'
    assert not FailedHandshakes("info").filter(granians_line(eof))
    assert FailedHandshakes("debug").filter(granians_line(eof))
    assert not FailedHandshakes("error").filter(granians_line("InvalidContentType"))
