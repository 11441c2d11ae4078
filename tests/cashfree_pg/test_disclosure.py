"""No failure of the drop-in shows a secret in its traceback, and none of its objects can be pickled."""

from __future__ import annotations

import copy
import pickle
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from cashfree_pg import ApiClient, ApiResponse, Cashfree, Configuration, CryptogramEntity, InstrumentEntity
from tests.client.disclosure import errors_behind, locals_of, secrets_in
from tests.client.failures import CRYPTOGRAM, FAULTS, SECRETS, Failure, raised_by
from tests.client.faulty_server import faulty_server
from tokenvault_client import webhooks

SECRET, PARTNER = SECRETS["api secret"], SECRETS["partner key"]
SHOWN = {"a 409 with a cryptogram", "a 502 that is no JSON"}
"""The text of the official exception contains the body of an error answer. No server sends a cryptogram in one."""
AUTH = {"in": "header", "key": "x-client-secret", "value": SECRET}


def fetch(base_url: str, *positional: Any, **named: Any) -> object:
    """Fetch a cryptogram, in the style of 6.x."""
    api = Cashfree(Cashfree.SANDBOX, "me", SECRET, XBaseUrl=base_url)
    method: Any = api.PGCustomerInstrumentsFetchCryptogram
    return method(*(positional or ("asha", "i1")), **{"_request_timeout": 0.3} | named)


def fetch_in_background(base_url: str) -> object:
    """Fetch a cryptogram in a thread."""
    pending: Any = fetch(base_url, async_req=True)
    return pending.get(10)


def fetch_with_class_attributes(base_url: str) -> object:
    """Fetch a cryptogram, in the style of 4.x."""
    Cashfree.XClientId, Cashfree.XClientSecret, Cashfree.XBaseUrl = "me", SECRET, base_url
    return Cashfree().PGCustomerInstrumentsFetchCryptogram("2023-08-01", "asha", "i1", _request_timeout=0.3)


def verify(body: bytes, headers: dict[str, str], **named: Any) -> object:
    """Verify a webhook delivery."""
    api = Cashfree(Cashfree.SANDBOX, "me", SECRET, PARTNER)
    return api.PGVerifyWebhookSignature(headers["x-webhook-signature"], body, headers["x-webhook-timestamp"], **named)


def failures() -> Iterator[tuple[str, Failure]]:
    for fault, serve in FAULTS.items():
        if fault not in SHOWN:
            with faulty_server(serve) as base_url:
                yield fault, partial(fetch, base_url)
    with faulty_server(FAULTS["an answer that is no API"]) as base_url:
        yield "an undecodable answer in a thread", partial(fetch_in_background, base_url)
        yield "an undecodable answer in the style of 4.x", partial(fetch_with_class_attributes, base_url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        unused = f"http://127.0.0.1:{listening.getsockname()[1]}/pg"
    yield "refused", partial(fetch, unused)
    yield "refused, in a thread", partial(fetch_in_background, unused)
    yield "refused, with a header", partial(fetch, unused, _headers={"x-gateway": SECRETS["gateway"]})
    yield "refused, with its own credentials", partial(fetch, unused, _request_auth=AUTH)
    yield "a secret in the query", partial(fetch, unused, _request_auth=AUTH | {"in": "query"})
    yield "plain http", partial(fetch, "http://vault.test/pg")
    yield "an id that is a number", partial(fetch, unused, 5, "i1")
    yield "an invalid id", partial(fetch, unused, "asha", "..")
    yield "an unknown argument", partial(fetch, unused, colour="blue", _headers={"x-gateway": SECRETS["gateway"]})
    yield "an invalid header", partial(fetch, unused, _headers={"x-gateway": f"{SECRETS['gateway']}\n"})
    yield (
        "an invalid secret",
        lambda: Cashfree(Cashfree.SANDBOX, "me", f"{SECRET}\n", XBaseUrl=unused).PGCustomerFetchInstrument(
            "asha", "i1"
        ),
    )
    yield "a webhook with a wrong signature", partial(verify, b"{}", webhooks.sign_for_test(b"{}", "other"))
    yield "an old webhook", partial(verify, b"{}", webhooks.sign_for_test(b"{}", SECRET, at=0), tolerance=1)


def test_no_failure_has_a_secret_in_its_traceback() -> None:
    settings = Configuration()
    settings.retries = 0
    Configuration.set_default(settings)
    for name, failure in failures():
        error = raised_by(failure)
        assert secrets_in(locals_of(error), SECRETS.values()) == [], name
        shown = [each for error in errors_behind(error) for each in (vars(error), pickle.dumps(error))]
        assert secrets_in(shown, SECRETS.values()) == [], name


def test_the_settings_of_an_object_are_readable_but_not_shown() -> None:
    api = Cashfree(Cashfree.SANDBOX, "me", SECRET, PARTNER)
    assert (api.XClientSecret, api.XPartnerKey, copy.copy(api).XClientSecret) == (SECRET, PARTNER, SECRET)
    assert secrets_in([vars(api), repr(api)], SECRETS.values()) == []
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(api)
    api.XClientSecret = "another"
    assert api.XClientSecret == "another"
    api.XClientSecret = None
    assert api.XClientSecret is None


def test_a_response_with_a_cryptogram_cannot_be_pickled() -> None:
    plain: ApiResponse[Any] = ApiResponse(200, {}, InstrumentEntity(instrument_id="i1"), "raw")
    assert vars(pickle.loads(pickle.dumps(plain))).keys() == vars(plain).keys()
    assert copy.copy(plain).raw_data == "raw"
    secret: ApiResponse[Any] = ApiResponse(200, {}, CryptogramEntity(**CRYPTOGRAM), SECRETS["cryptogram"])
    assert secrets_in([repr(secret), vars(secret)["_raw_data"]], SECRETS.values()) == []
    for each in (secret, ApiResponse(200, {}, None, SECRETS["cryptogram"].encode()), secret.data):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(each)


def test_the_default_headers_of_a_client_are_not_shown() -> None:
    ApiClient.set_default(ApiClient(header_name="x-gateway", header_value=SECRETS["gateway"]))
    with faulty_server(FAULTS["closes"]) as base_url:
        error = raised_by(partial(fetch, base_url))
    assert secrets_in(locals_of(error), SECRETS.values()) == []
