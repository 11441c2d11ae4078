"""The settings: the address of calls, the trusted authorities, and the official settings that are supported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cashfree_pg import ApiClient, Cashfree, CFEnvironment, Configuration
from cashfree_pg.exceptions import ApiAttributeError, ApiException, ApiValueError
from tests.client.authority import Authority
from tests.client.recording_server import RecordingServer, recording_server
from tokenvault_client.transports import Request, Response

IDS = ("asha", "i1")


class UrlRecorder:
    """A transport that records URLs and timeouts, and sends nothing."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.timeouts: list[float] = []

    def send(self, request: Request, seconds: float) -> Response:
        self.urls.append(request.url)
        self.timeouts.append(seconds)
        return Response(200, {}, b"{}")

    def close(self) -> None: ...


def address_of_call(**settings: Any) -> str:
    """Return the address of a call, without its path."""
    recorder = UrlRecorder()
    ApiClient.set_default(ApiClient(transport=recorder))
    Cashfree(XClientId="id", XClientSecret="secret", **settings).PGCustomerFetchInstrument(*IDS)
    return recorder.urls[0].removesuffix("/customers/asha/instruments/i1")


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 15), ({"_request_timeout": None}, 15), ({"_request_timeout": 3}, 3), ({"_request_timeout": (1, 2)}, 3)],
    ids=["default", "none", "a number", "a pair"],
)
def test_a_call_has_a_timeout(options: dict[str, Any], seconds: float) -> None:
    recorder = UrlRecorder()
    ApiClient.set_default(ApiClient(transport=recorder))
    Cashfree(XClientId="id", XClientSecret="secret").PGCustomerFetchInstrument(*IDS, **options)
    assert recorder.timeouts == pytest.approx([seconds], abs=0.5)


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        (CFEnvironment.SANDBOX, "https://sandbox.cashfree.com/pg"),
        (CFEnvironment.PRODUCTION, "https://api.cashfree.com/pg"),
        (Cashfree.Sandbox, "https://sandbox.cashfree.com/pg"),
        (Cashfree.XSandbox, "https://sandbox.cashfree.com/pg"),
        (Cashfree.Production, "https://api.cashfree.com/pg"),
        (Cashfree.XProduction, "https://api.cashfree.com/pg"),
        (None, "https://sandbox.cashfree.com/pg"),
    ],
    ids=["SANDBOX", "PRODUCTION", "Sandbox", "XSandbox", "Production", "XProduction", "none"],
)
def test_an_environment_is_a_host_of_cashfree(environment: CFEnvironment | None, host: str) -> None:
    assert address_of_call(XEnvironment=environment) == host


def test_an_invalid_environment_is_rejected() -> None:
    with pytest.raises(ApiValueError, match=r"XEnvironment must be Cashfree\.SANDBOX or Cashfree\.PRODUCTION"):
        address_of_call(XEnvironment="sandbox")


def test_an_address_takes_precedence_over_an_environment() -> None:
    assert (
        address_of_call(XEnvironment=Cashfree.PRODUCTION, XBaseUrl="https://vault.test/pg") == "https://vault.test/pg"
    )


def test_an_address_of_the_class_applies_to_its_objects() -> None:
    Cashfree.XBaseUrl = "https://vault.test/pg"
    assert address_of_call() == "https://vault.test/pg"


def test_an_environment_variable_can_set_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASHFREE_BASE_URL", "https://vault.test/pg")
    assert address_of_call(XEnvironment=Cashfree.PRODUCTION) == "https://vault.test/pg"
    assert address_of_call(XBaseUrl="https://other.test/pg") == "https://other.test/pg"


def test_a_configuration_can_set_the_address() -> None:
    Configuration.set_default(Configuration(host="https://vault.test/pg"))
    assert address_of_call() == "https://vault.test/pg"


def test_replacing_the_host_property_works_as_in_the_official_package(monkeypatch: pytest.MonkeyPatch) -> None:
    host = property(lambda _: "https://vault.test/pg", lambda _, __: None)
    monkeypatch.setattr(Configuration, "host", host, raising=False)
    assert address_of_call() == "https://vault.test/pg"


def test_plain_http_to_another_host_is_rejected() -> None:
    with pytest.raises(ApiValueError, match="https"):
        address_of_call(XBaseUrl="http://vault.test/pg")


def test_certificates_are_verified(tmp_path: Path) -> None:
    with recording_server(tls=Authority(tmp_path).server()) as server:
        with pytest.raises(ApiException) as failed:
            call(server)
        assert failed.value.status == 0
        assert server.requests == []


def test_a_configuration_can_set_trusted_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with recording_server(tls=authority.server()) as server:
        Configuration.set_default(Configuration(ssl_ca_cert=str(authority.file)))
        assert call(server) == 200


def test_an_environment_variable_can_set_trusted_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("CASHFREE_CA_FILE", str(authority.file))
    with recording_server(tls=authority.server()) as server:
        assert call(server) == 200


def test_a_missing_certificate_file_is_rejected(tmp_path: Path, server: RecordingServer) -> None:
    Configuration.set_default(Configuration(ssl_ca_cert=str(tmp_path / "none.pem")))
    with pytest.raises(ApiValueError, match="cannot be read"):
        call(server)


def test_verification_cannot_be_disabled() -> None:
    settings = Configuration()
    settings.verify_ssl = True
    with pytest.raises(ApiValueError, match="always verified"):
        settings.verify_ssl = False


def test_an_unsupported_setting_is_rejected() -> None:
    with pytest.raises(ApiAttributeError, match="proxy is not a setting of this package"):
        Configuration().proxy = "http://proxy.test"


def test_the_number_of_retries_is_a_setting() -> None:
    settings = Configuration()
    settings.retries = 0
    Configuration.set_default(settings)
    with recording_server(status=503) as server:
        with pytest.raises(ApiException):
            call(server)
        assert len(server.requests) == 1


def test_the_repr_of_an_object_shows_no_credentials() -> None:
    assert repr(Cashfree(Cashfree.SANDBOX, "id", "secret")) == "<Cashfree CFEnvironment.SANDBOX>"


def test_a_closed_client_can_call_again(server: RecordingServer) -> None:
    with ApiClient() as client:
        ApiClient.set_default(client)
        assert call(server) == 200
    assert call(server) == 200


def call(server: RecordingServer) -> int:
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    return api.PGCustomerFetchInstrument(*IDS, _request_timeout=5).status_code
