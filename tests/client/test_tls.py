"""A certificate is always verified, and nothing is sent to whoever cannot show one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.client.authority import Authority
from tests.client.recorder import recording
from tests.client.ways import WAYS, Who, call, who
from tokenvault_client import Client, TransportError, UsageError

ASKED = ("fetch_instrument", "asha", "i1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_an_own_authority_is_trusted_when_it_is_given(way: str, authority: Authority) -> None:
    with recording(tls=authority.server()) as server:
        answer = call(way, Who(**who(server.base_url) | {"ca_file": authority.file}), *ASKED)
    assert answer.data.instrument_id == "i1"


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_authority_gets_no_secret(way: str, authority: Authority) -> None:
    with recording(tls=authority.server()) as server:
        refuses(way, who(server.base_url))
        assert server.heard == []


@pytest.mark.parametrize("way", WAYS)
def test_another_authority_than_the_given_one_gets_no_secret(way: str, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another Authority")
    with recording(tls=other.server()) as server:
        refuses(way, Who(**who(server.base_url) | {"ca_file": authority.file}))
        assert server.heard == []


@pytest.mark.parametrize("way", WAYS)
def test_another_name_gets_no_secret(way: str, authority: Authority) -> None:
    with recording(tls=authority.server(x509.DNSName("elsewhere.test"))) as server:
        refuses(way, Who(**who(server.base_url) | {"ca_file": authority.file}))
        assert server.heard == []


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_that_has_ended_gets_no_secret(way: str, authority: Authority) -> None:
    ended = authority.server(at=datetime.now(UTC) - timedelta(days=30))
    with recording(tls=ended) as server:
        refuses(way, Who(**who(server.base_url) | {"ca_file": authority.file}))
        assert server.heard == []


@pytest.mark.parametrize("way", WAYS)
def test_a_server_without_tls_gets_no_secret(way: str) -> None:
    with recording() as server:
        refuses(way, who(server.base_url.replace("http:", "https:")))
        assert server.heard == []


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(UsageError):
        Client(environment="sandbox", client_id="me", client_secret="s", ca_file=tmp_path / "ca.pem").fetch_instruments(
            "a"
        )


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Client(environment="sandbox", client_id="me", client_secret="s", ca_file=tmp_path / "none.pem")


def refuses(way: str, caller: Who) -> None:
    with pytest.raises(TransportError) as failed:
        call(way, Who(**caller | {"timeout": 2, "connect_timeout": 1, "max_retries": 0}), *ASKED)
    assert not failed.value.sent
