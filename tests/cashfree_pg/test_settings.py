"""Where calls go, who is trusted, and what of the official settings means anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cashfree_pg import ApiClient, Cashfree, CFEnvironment, Configuration
from cashfree_pg.exceptions import ApiAttributeError, ApiException, ApiValueError
from tests.client.authority import Authority
from tests.client.recorder import Recorder, recording
from tokenvault_client.transports import Request, Response

ASKED = ("asha", "i1")


class Elsewhere:
    """A transport that goes nowhere and remembers where to."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def send(self, request: Request, seconds: float) -> Response:
        self.urls.append(request.url)
        return Response(200, {}, b"{}")

    def close(self) -> None: ...


def asked_of(**settings: Any) -> str:
    """Gives where a call goes, without its path."""
    elsewhere = Elsewhere()
    ApiClient.set_default(ApiClient(transport=elsewhere))
    Cashfree(XClientId="id", XClientSecret="secret", **settings).PGCustomerFetchInstrument(*ASKED)
    return elsewhere.urls[0].removesuffix("/customers/asha/instruments/i1")


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
def test_an_environment_is_one_of_cashfrees_hosts(environment: CFEnvironment | None, host: str) -> None:
    assert asked_of(XEnvironment=environment) == host


def test_an_environment_that_is_none_goes_nowhere() -> None:
    with pytest.raises(ApiValueError, match=r"XEnvironment is Cashfree\.SANDBOX or Cashfree\.PRODUCTION"):
        asked_of(XEnvironment="sandbox")


def test_an_address_goes_before_an_environment() -> None:
    assert asked_of(XEnvironment=Cashfree.PRODUCTION, XBaseUrl="https://vault.test/pg") == "https://vault.test/pg"


def test_an_address_of_the_class_counts_for_its_objects() -> None:
    Cashfree.XBaseUrl = "https://vault.test/pg"
    assert asked_of() == "https://vault.test/pg"


def test_the_environment_may_name_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASHFREE_BASE_URL", "https://vault.test/pg")
    assert asked_of(XEnvironment=Cashfree.PRODUCTION) == "https://vault.test/pg"
    assert asked_of(XBaseUrl="https://other.test/pg") == "https://other.test/pg"


def test_a_configuration_may_name_an_address() -> None:
    Configuration.set_default(Configuration(host="https://vault.test/pg"))
    assert asked_of() == "https://vault.test/pg"


def test_the_way_to_redirect_the_official_package_redirects_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    host = property(lambda _: "https://vault.test/pg", lambda _, __: None)
    monkeypatch.setattr(Configuration, "host", host, raising=False)
    assert asked_of() == "https://vault.test/pg"


def test_a_secret_never_travels_in_the_clear() -> None:
    with pytest.raises(ApiValueError, match="https"):
        asked_of(XBaseUrl="http://vault.test/pg")


def test_certificates_are_verified(tmp_path: Path) -> None:
    with recording(tls=Authority(tmp_path).server()) as server:
        with pytest.raises(ApiException) as failed:
            call(server)
        assert failed.value.status == 0
        assert server.heard == []


def test_a_file_of_trusted_certificates_may_be_given(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with recording(tls=authority.server()) as server:
        Configuration.set_default(Configuration(ssl_ca_cert=str(authority.file)))
        assert call(server) == 200


def test_the_environment_may_name_trusted_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("CASHFREE_CA_FILE", str(authority.file))
    with recording(tls=authority.server()) as server:
        assert call(server) == 200


def test_a_file_without_certificates_is_refused(tmp_path: Path, server: Recorder) -> None:
    Configuration.set_default(Configuration(ssl_ca_cert=str(tmp_path / "none.pem")))
    with pytest.raises(ApiValueError, match="cannot be read"):
        call(server)


def test_verification_cannot_be_switched_off() -> None:
    settings = Configuration()
    settings.verify_ssl = True
    with pytest.raises(ApiValueError, match="always verified"):
        settings.verify_ssl = False


def test_a_setting_that_would_change_nothing_is_refused() -> None:
    with pytest.raises(ApiAttributeError, match="proxy is no setting here"):
        Configuration().proxy = "http://proxy.test"


def test_the_number_of_repeats_is_a_setting() -> None:
    settings = Configuration()
    settings.retries = 0
    Configuration.set_default(settings)
    with recording(answer=503) as server:
        with pytest.raises(ApiException):
            call(server)
        assert len(server.heard) == 1


def test_an_object_shows_no_credentials() -> None:
    assert repr(Cashfree(Cashfree.SANDBOX, "id", "secret")) == "<Cashfree CFEnvironment.SANDBOX>"


def test_threads_and_connections_can_be_let_go_and_come_back(server: Recorder) -> None:
    with ApiClient() as client:
        ApiClient.set_default(client)
        assert call(server) == 200
    assert call(server) == 200


def call(server: Recorder) -> int:
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    return api.PGCustomerFetchInstrument(*ASKED, _request_timeout=5).status_code
