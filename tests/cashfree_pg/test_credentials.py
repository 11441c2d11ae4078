"""What signs a call in: whatever is set when it is made, whole, and nobody else's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cashfree_pg import ApiClient, Cashfree
from cashfree_pg.exceptions import ApiValueError
from tests.client.recorder import Recorder
from tests.client.test_crossed import CALLERS, CALLS_EACH, check, hurried_threads  # noqa: F401  # a fixture
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
def test_each_pair_is_sent_whole(pair: str, server: Recorder) -> None:
    Cashfree(Cashfree.SANDBOX, **PAIRS[pair], XBaseUrl=server.base_url).PGCustomerFetchInstrument("asha", "i1")
    assert sent(server) == {HEADERS[name]: value for name, value in PAIRS[pair].items()}


@pytest.mark.parametrize("pair", PAIRS)
def test_half_a_pair_is_refused_before_anything_is_sent(pair: str, server: Recorder) -> None:
    for name, value in PAIRS[pair].items():
        with pytest.raises(ApiValueError, match="four pairs"):
            Cashfree(Cashfree.SANDBOX, **{name: value}, XBaseUrl=server.base_url).PGCustomerFetchInstrument("a", "i")
    assert server.heard == []


def test_what_an_object_lacks_is_that_of_the_class(server: Recorder) -> None:
    Cashfree.XClientSecret = "of the class"
    Cashfree(Cashfree.SANDBOX, "id", XBaseUrl=server.base_url).PGCustomerFetchInstrument("asha", "i1")
    assert sent(server)["x-client-secret"] == "of the class"


def test_a_partner_calls_for_its_merchant(vault: Emulator) -> None:
    partner = Cashfree(
        Cashfree.SANDBOX,
        XPartnerKey=vault.partner_api_key,
        XPartnerMerchantId=vault.partner_merchant_id,
        XBaseUrl=vault.base_url,
    )
    assert partner.PGCustomerFetchInstruments("nobody", "card").data == []


def test_one_header_may_stand_for_all_of_them(server: Recorder) -> None:
    auth = {"type": "api_key", "in": "header", "key": "X-Partner-ApiKey", "value": "pk"}
    ApiClient.get_default().set_default_header("x-partner-merchantid", "pm")
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    api.PGCustomerFetchInstrument("asha", "i1", _request_auth=auth)
    assert sent(server) == {"x-partner-apikey": "pk", "x-partner-merchantid": "pm"}


def test_a_secret_does_not_go_into_an_address(server: Recorder) -> None:
    auth = {"type": "api_key", "in": "query", "key": "key", "value": "secret"}
    with pytest.raises(ApiValueError, match="header"):
        Cashfree(Cashfree.SANDBOX, XBaseUrl=server.base_url).PGCustomerFetchInstrument("a", "i", _request_auth=auth)


def test_headers_of_ones_own_are_added_and_replace_none_of_ours(server: Recorder) -> None:
    own = {"X-Trace": "t1", "X-Client-Id": "other", "x-request-id": "mine", "User-Agent": "other"}
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    api.PGCustomerFetchInstrument("asha", "i1", _headers=own)
    api.PGCustomerFetchInstrument("asha", "i1", "r1", _headers=own)
    first, second = (request.headers for request in server.heard)
    assert dict(first)["x-trace"] == "t1"
    assert [value for name, value in first if name == "x-client-id"] == ["id"]
    assert [value for name, value in first if name == "user-agent"] != ["other"]
    assert [dict(each)["x-request-id"] for each in (first, second)] == ["mine", "r1"]
    assert [name for name, _ in second].count("x-request-id") == 1


def test_a_call_that_is_not_waited_for_keeps_what_was_set_when_it_was_made(server: Recorder) -> None:
    Cashfree.XBaseUrl = server.base_url
    begun = []
    for number in range(50):
        Cashfree.XClientId, Cashfree.XClientSecret = f"id-{number}", f"secret-{number}"
        begun.append(Cashfree().PGCustomerFetchInstrument("2023-08-01", f"c{number}", "i1", async_req=True))
    for each in begun:
        each.get(10)
    for request in server.heard:
        headers = dict(request.headers)
        caller = request.target.split("/")[3][1:]
        assert (headers["x-client-id"], headers["x-client-secret"]) == (f"id-{caller}", f"secret-{caller}")


@pytest.mark.usefixtures("hurried_threads")
def test_no_thread_sends_anothers_credentials(server: Recorder) -> None:
    together = threading.Barrier(CALLERS)

    def caller(number: int) -> None:
        api = caller_number(server, number)
        together.wait()
        for turn in range(CALLS_EACH):
            api.PGCustomerFetchInstrument(f"c{number}", "i1", f"{number}-{turn}", _request_timeout=60)

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(caller, range(CALLERS)))
    check(server)


def test_no_call_that_is_not_waited_for_sends_anothers_credentials(server: Recorder) -> None:
    callers = [caller_number(server, number) for number in range(CALLERS)]
    begun = [
        api.PGCustomerFetchInstrument(f"c{number}", "i1", f"{number}-{turn}", _request_timeout=60, async_req=True)
        for turn in range(CALLS_EACH)
        for number, api in enumerate(callers)
    ]
    for each in begun:
        each.get(60)
    check(server)


def caller_number(server: Recorder, number: int) -> Cashfree:
    return Cashfree(Cashfree.SANDBOX, f"id-{number}", f"secret-{number}", XBaseUrl=server.base_url)


def sent(server: Recorder) -> dict[str, Any]:
    """Gives the credentials of the only call."""
    ((_, _, headers, _),) = server.heard
    return {name: value for name, value in headers if name in HEADERS.values()}
