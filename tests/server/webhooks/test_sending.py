"""A connection goes to the address that was checked, with a certificate for the host name; over real sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from tests.client.authority import Authority
from tests.support.receiver import OK, Receiver, a_connector, receiving
from tokenvault_server.errors import SettingsError
from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.sending import Connection, Connector, Outcome, ThreadedResolver

LOOPBACK = ("127.0.0.0/8",)


class ScriptedResolver:
    """Returns the next addresses of a list each time, and finally the last ones again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str) -> Sequence[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        """Nothing is open."""


def connector(*answers: Sequence[str], ca: str = "", networks: tuple[str, ...] = LOOPBACK) -> Connector:
    return Connector(AddressPolicy(networks, allows_http=True), ScriptedResolver(*answers), deadline_seconds=5, ca=ca)


async def posted(connection: Connection) -> Outcome:
    try:
        return await connection.open() or await connection.send({"x-a": "b"}, b"{}")
    finally:
        connection.close()


async def test_the_host_header_is_the_name_and_the_connection_goes_to_the_address() -> None:
    async with receiving() as receiver:
        outcome = await posted(connector(["127.0.0.1"]).connection(f"http://shop.example:{receiver.port}/hook"))
        assert outcome == Outcome("delivered", 200)
        (received,) = receiver.received
        assert received.headers["host"] == f"shop.example:{receiver.port}"
        assert received.headers["x-a"] == "b"


async def test_a_name_that_changes_after_the_check_is_not_resolved_again() -> None:
    async with receiving() as receiver, receiving() as other:
        rebinding = connector(["127.0.0.1"], ["127.0.0.2"], networks=("127.0.0.1/32",))
        connection = rebinding.connection(f"http://shop.example:{receiver.port}/")
        assert await connection.open() is None
        for _ in range(3):
            assert (await connection.send({}, b"{}")).is_delivered
        connection.close()
        assert (await posted(rebinding.connection(f"http://shop.example:{receiver.port}/"))).label == "address_refused"
        assert (len(receiver.received), other.received) == (3, [])


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_a_name_with_a_private_address_is_never_connected_to(address: str) -> None:
    async with receiving() as receiver:
        strict = connector([address], networks=())
        assert await posted(strict.connection(f"http://shop.example:{receiver.port}/")) == Outcome("address_refused")
        assert receiver.connections == 0


@pytest.mark.parametrize("spelling", ["127.1", "0x7f000001", "2130706433", "017700000001", "localhost"])
async def test_other_spellings_of_loopback_are_resolved_and_refused(spelling: str) -> None:
    async with receiving() as receiver:
        strict = Connector(AddressPolicy(allows_http=True), ThreadedResolver(1))
        assert await posted(strict.connection(f"http://{spelling}:{receiver.port}/")) == Outcome("address_refused")
        assert receiver.connections == 0
        strict.close()


async def test_an_address_is_checked_again_when_an_event_is_sent() -> None:
    async with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        assert (await posted(connector(["127.0.0.1"], networks=()).connection(url))).label == "address_refused"


async def test_an_unknown_name_is_a_failure() -> None:
    strict = a_connector()
    assert (await posted(strict.connection("https://unknown.invalid/"))).label == "name_unknown"
    strict.close()


async def test_the_next_address_is_tried_when_one_cannot_be_connected_to() -> None:
    async with receiving() as receiver:
        outcome = await posted(
            connector(["127.0.0.9", "127.0.0.1"]).connection(f"http://shop.example:{receiver.port}/")
        )
        assert outcome.is_delivered


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as inside, receiving() as receiver:
        receiver.answer = f"HTTP/1.1 307 Go\r\nlocation: {inside.url}\r\ncontent-length: 0\r\n\r\n".encode()
        assert await posted(connector(["127.0.0.1"]).connection(receiver.url)) == Outcome("refused", 307)
        assert inside.connections == 0


async def test_proxy_variables_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await posted(connector(["127.0.0.1"]).connection(receiver.url))).is_delivered
        assert proxy.connections == 0


async def secured(receiver: Receiver, ca: Path | str, host: str = "shop.example") -> str:
    return (await posted(connector(["127.0.0.1"], ca=str(ca)).connection(f"https://{host}:{receiver.port}/"))).label


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def named(authority: Authority, name: str, sni_names: list[str | None] | None = None) -> ssl.SSLContext:
    context = authority.server(x509.DNSName(name))
    context.sni_callback = lambda _socket, asked, _context: sni_names.append(asked) if sni_names is not None else None
    return context


async def test_the_certificate_must_match_the_host_name_that_is_sent_as_sni(authority: Authority) -> None:
    asked: list[str | None] = []
    async with receiving(OK, named(authority, "shop.example", asked)) as receiver:
        assert await secured(receiver, authority.file) == "delivered"
        assert asked == ["shop.example"]
        assert await secured(receiver, authority.file, "other.example") == "not_trusted"
        assert len(receiver.received) == 1


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "Other Authority")
    async with receiving(OK, named(other, "shop.example")) as receiver:
        assert await secured(receiver, authority.file) == "not_trusted"
        assert await secured(receiver, "") == "not_trusted"
        assert receiver.received == []


async def test_a_file_without_certificates_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="webhook_ca"):
        _ = connector(["127.0.0.1"], ca=str(tmp_path / "missing.pem")).ssl_context


async def test_a_port_that_never_answers_times_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hasty = a_connector(seconds=0.2)
        assert (await posted(hasty.connection(f"https://127.0.0.1:{silent.getsockname()[1]}/"))).label == "timed_out"
        hasty.close()
