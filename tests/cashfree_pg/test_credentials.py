"""A call sends the credentials that are set when it is made, completely, and never those of another call."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cashfree_pg import ApiClient, Cashfree
from cashfree_pg.exceptions import ApiValueError
from tests.client.recording_server import RecordingServer
from tests.client.test_credential_isolation import CALLERS, CALLS_EACH, check_requests, fast_thread_switching  # noqa: F401  # a fixture
from tests.support.emulator_process import Emulator

PAIRS: dict[str, dict[str, str]] = {
    "client id and secret": {"XClientId": "id", "XClientSecret": "secret"},
    "client id and signature": {"XClientId": "id", "XClientSignature": "sig"},
    "client id and partner key": {"XClientId": "id", "XPartnerKey": "pk"},
    "partner merchant id and partner key": {"XPartnerMerchantId": "pm", "XPartnerKey": "pk"},
}
HEADERS = {
    "XClientId": "x-client-id",
    "XClientSecret": "x-client-secret",
    "XClientSignature": "x-client-signature",
    "XPartnerKey": "x-partner-apikey",
    "XPartnerMerchantId": "x-partner-merchantid",
}


@pytest.mark.parametrize("pair", PAIRS)
def test_each_pair_is_sent_completely(pair: str, server: RecordingServer) -> None:
    Cashfree(Cashfree.SANDBOX, **PAIRS[pair], XBaseUrl=server.base_url).PGCustomerFetchInstrument("asha", "i1")
    assert sent(server) == {HEADERS[name]: value for name, value in PAIRS[pair].items()}


@pytest.mark.parametrize("pair", PAIRS)
def test_half_a_pair_is_rejected_before_sending(pair: str, server: RecordingServer) -> None:
    for name, value in PAIRS[pair].items():
        with pytest.raises(ApiValueError, match="four pairs"):
            Cashfree(Cashfree.SANDBOX, **{name: value}, XBaseUrl=server.base_url).PGCustomerFetchInstrument("a", "i")
    assert server.requests == []


def test_a_missing_setting_comes_from_the_class(server: RecordingServer) -> None:
    Cashfree.XClientSecret = "of the class"
    Cashfree(Cashfree.SANDBOX, "id", XBaseUrl=server.base_url).PGCustomerFetchInstrument("asha", "i1")
    assert sent(server)["x-client-secret"] == "of the class"


def test_a_partner_makes_calls_for_its_merchant(vault: Emulator) -> None:
    partner = Cashfree(
        Cashfree.SANDBOX,
        XPartnerKey=vault.partner_api_key,
        XPartnerMerchantId=vault.partner_merchant_id,
        XBaseUrl=vault.base_url,
    )
    assert partner.PGCustomerFetchInstruments("nobody", "card").data == []


def test_request_auth_replaces_all_credentials(server: RecordingServer) -> None:
    auth = {"type": "api_key", "in": "header", "key": "X-Partner-ApiKey", "value": "pk"}
    ApiClient.get_default().set_default_header("x-partner-merchantid", "pm")
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    api.PGCustomerFetchInstrument("asha", "i1", _request_auth=auth)
    assert sent(server) == {"x-partner-apikey": "pk", "x-partner-merchantid": "pm"}


def test_a_secret_in_the_query_is_rejected(server: RecordingServer) -> None:
    auth = {"type": "api_key", "in": "query", "key": "key", "value": "secret"}
    with pytest.raises(ApiValueError, match="header"):
        Cashfree(Cashfree.SANDBOX, XBaseUrl=server.base_url).PGCustomerFetchInstrument("a", "i", _request_auth=auth)


def test_additional_headers_do_not_replace_those_of_the_client(server: RecordingServer) -> None:
    own = {"X-Trace": "t1", "X-Client-Id": "other", "x-request-id": "mine", "User-Agent": "other"}
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    api.PGCustomerFetchInstrument("asha", "i1", _headers=own)
    api.PGCustomerFetchInstrument("asha", "i1", "r1", _headers=own)
    first, second = (request.headers for request in server.requests)
    assert dict(first)["x-trace"] == "t1"
    assert [value for name, value in first if name == "x-client-id"] == ["id"]
    assert [value for name, value in first if name == "user-agent"] != ["other"]
    assert [dict(each)["x-request-id"] for each in (first, second)] == ["mine", "r1"]
    assert [name for name, _ in second].count("x-request-id") == 1


def test_an_async_call_keeps_the_credentials_of_the_time_of_the_call(server: RecordingServer) -> None:
    Cashfree.XBaseUrl = server.base_url
    results = []
    for number in range(50):
        Cashfree.XClientId, Cashfree.XClientSecret = f"id-{number}", f"secret-{number}"
        results.append(Cashfree().PGCustomerFetchInstrument("2023-08-01", f"c{number}", "i1", async_req=True))
    for each in results:
        each.get(10)
    for request in server.requests:
        headers = dict(request.headers)
        caller = request.target.split("/")[3][1:]
        assert (headers["x-client-id"], headers["x-client-secret"]) == (f"id-{caller}", f"secret-{caller}")


@pytest.mark.usefixtures("fast_thread_switching")
def test_a_thread_never_sends_the_credentials_of_another(server: RecordingServer) -> None:
    barrier = threading.Barrier(CALLERS)

    def caller(number: int) -> None:
        api = cashfree_of(server, number)
        barrier.wait()
        for call in range(CALLS_EACH):
            api.PGCustomerFetchInstrument(f"c{number}", "i1", f"{number}-{call}", _request_timeout=60)

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(caller, range(CALLERS)))
    check_requests(server)


def test_an_async_call_never_sends_the_credentials_of_another(server: RecordingServer) -> None:
    callers = [cashfree_of(server, number) for number in range(CALLERS)]
    results = [
        api.PGCustomerFetchInstrument(f"c{number}", "i1", f"{number}-{call}", _request_timeout=60, async_req=True)
        for call in range(CALLS_EACH)
        for number, api in enumerate(callers)
    ]
    for each in results:
        each.get(60)
    check_requests(server)


def cashfree_of(server: RecordingServer, number: int) -> Cashfree:
    return Cashfree(Cashfree.SANDBOX, f"id-{number}", f"secret-{number}", XBaseUrl=server.base_url)


def sent(server: RecordingServer) -> dict[str, Any]:
    """Return the credentials of the only request."""
    ((_, _, headers, _),) = server.requests
    return {name: value for name, value in headers if name in HEADERS.values()}
