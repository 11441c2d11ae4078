"""Certificates are always verified, and nothing is sent to a server without a valid one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.client.authority import Authority
from tests.client.recording_server import recording_server
from tests.client.transports import TRANSPORTS, ClientOptions, call, client_options
from tokenvault_client import Client, TransportError, UsageError
from tokenvault_client.transports import Httpx2Transport, Request

CALL = ("fetch_instrument", "asha", "i1")
SECONDS = 30


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_configured_authority_is_trusted(transport: str, authority: Authority) -> None:
    with recording_server(tls=authority.server()) as server:
        answer = call(transport, ClientOptions(**client_options(server.base_url) | {"ca_file": authority.file}), *CALL)
    assert answer.data.instrument_id == "i1"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("is_folder", [False, True])
def test_an_authority_of_the_environment_is_trusted(
    transport: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_folder: bool
) -> None:
    other = Authority(tmp_path, "Another Authority")
    (tmp_path / "bundle").mkdir()
    bundle = tmp_path / "bundle" / "all.pem"
    bundle.write_bytes(b"# a comment\n" + other.file.read_bytes() + authority.file.read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle.parent if is_folder else bundle))
    with recording_server(tls=authority.server()) as server:
        assert call(transport, client_options(server.base_url), *CALL).data.instrument_id == "i1"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("content", [None, b"no certificate", b""])
def test_an_authority_of_the_environment_that_is_none_is_rejected(
    transport: str, content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "bundle.pem").write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    with pytest.raises(UsageError, match="REQUESTS_CA_BUNDLE"):
        call(transport, client_options("https://127.0.0.1:1/pg"), *CALL)


@pytest.mark.parametrize("transport", ["http1", "http1 async", "httpx2", "httpx2 async"])
def test_an_address_without_tls_needs_no_authority(
    transport: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with recording_server() as server:
        assert call(transport, client_options(server.base_url), *CALL).data.instrument_id == "i1"


def test_a_transport_that_called_without_tls_still_verifies_certificates(authority: Authority) -> None:
    transport = Httpx2Transport()
    with recording_server() as plain, recording_server(tls=authority.server()) as secure:
        assert transport.send(Request("GET", plain.base_url, (), None), SECONDS).status == 200
        with pytest.raises(TransportError):
            transport.send(Request("GET", secure.base_url, (), None), SECONDS)
        assert secure.requests == []
    transport.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_unknown_authority_receives_no_secret(transport: str, authority: Authority) -> None:
    with recording_server(tls=authority.server()) as server:
        assert_rejected(transport, client_options(server.base_url))
        assert server.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_different_authority_receives_no_secret(transport: str, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another Authority")
    with recording_server(tls=other.server()) as server:
        assert_rejected(transport, ClientOptions(**client_options(server.base_url) | {"ca_file": authority.file}))
        assert server.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_different_name_receives_no_secret(transport: str, authority: Authority) -> None:
    with recording_server(tls=authority.server(x509.DNSName("elsewhere.test"))) as server:
        assert_rejected(transport, ClientOptions(**client_options(server.base_url) | {"ca_file": authority.file}))
        assert server.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_expired_certificate_receives_no_secret(transport: str, authority: Authority) -> None:
    expired = authority.server(at=datetime.now(UTC) - timedelta(days=30))
    with recording_server(tls=expired) as server:
        assert_rejected(transport, ClientOptions(**client_options(server.base_url) | {"ca_file": authority.file}))
        assert server.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_without_tls_receives_no_secret(transport: str) -> None:
    with recording_server() as server:
        assert_rejected(transport, client_options(server.base_url.replace("http:", "https:")))
        assert server.requests == []


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_rejected(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(UsageError):
        Client(environment="sandbox", client_id="me", client_secret="s", ca_file=tmp_path / "ca.pem").fetch_instruments(
            "a"
        )


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Client(environment="sandbox", client_id="me", client_secret="s", ca_file=tmp_path / "none.pem")


def assert_rejected(transport: str, options: ClientOptions) -> None:
    with pytest.raises(TransportError) as failed:
        call(transport, ClientOptions(**options | {"timeout": 2, "connect_timeout": 1, "max_retries": 0}), *CALL)
    assert not failed.value.sent
