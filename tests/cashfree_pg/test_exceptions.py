"""The exceptions that merchants catch: only the classes and attributes of the official package."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from cashfree_pg import ApiClient, Cashfree, Configuration
from cashfree_pg.exceptions import (
    ApiAttributeError,
    ApiException,
    ApiKeyError,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ForbiddenException,
    NotFoundException,
    OpenApiException,
    ServiceException,
    UnauthorizedException,
)
from tests.client.faulty_server import BROKEN_RESPONSES, SLOW_RESPONSES, UNDECODABLE_RESPONSES, faulty_server
from tests.client.recording_server import RecordingServer, recording_server
from tests.support.http_client import Json
from tokenvault_client import APIError, TransportError
from tokenvault_client.transports import Request, Response

CLASSES = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ApiException,
    422: ApiException,
    429: ApiException,
    500: ServiceException,
    502: ServiceException,
    599: ServiceException,
    302: ApiException,
}
BODY = b'{"message":"no","code":"request_failed","type":"api_error"}'


class FixedTransport:
    """A transport that returns the same response to every request."""

    def __init__(self, status: int, body: bytes) -> None:
        self._response = Response(status, {"x-request-id": "r1", "content-type": "application/json"}, body)

    def send(self, request: Request, seconds: float) -> Response:
        return self._response

    def close(self) -> None: ...


def raised_for(status: int, body: bytes = BODY) -> ApiException:
    """Return the exception for a response."""
    ApiClient.set_default(ApiClient(transport=FixedTransport(status, body)))
    with pytest.raises(ApiException) as raised:
        api("https://vault.test/pg").PGCustomerInstrumentsFetchCryptogram("asha", "i1", _request_timeout=1)
    return raised.value


@pytest.mark.parametrize("status", CLASSES)
def test_each_status_has_its_class_and_attributes(status: int) -> None:
    error = raised_for(status)
    assert type(error) is CLASSES[status]
    assert (error.status, error.body) == (status, BODY.decode())
    assert error.headers is not None
    assert error.headers["X-Request-ID"] == "r1"
    assert isinstance(error.__cause__, APIError)


def test_the_text_of_an_error_is_the_official_one() -> None:
    assert str(raised_for(404)) == (
        "(404)\nReason: Not Found\n"
        "HTTP response headers: HTTPHeaderDict({'x-request-id': 'r1', 'content-type': 'application/json'})\n"
        f"HTTP response body: {BODY.decode()}\n"
    )


def test_an_unknown_status_has_no_reason() -> None:
    assert raised_for(599).reason is None


def test_an_exception_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(raised_for(404)))
    assert (type(error), error.status, error.body) == (NotFoundException, 404, BODY.decode())


@pytest.mark.parametrize("fault", BROKEN_RESPONSES)
def test_a_broken_response_is_an_exception_without_a_status(fault: str) -> None:
    with faulty_server(BROKEN_RESPONSES[fault]) as url, pytest.raises(ApiException) as raised:
        api(url).PGCustomerFetchInstrument("asha", "i1", _request_timeout=2)
    assert (raised.value.status, raised.value.body, raised.value.headers) == (0, None, None)
    assert isinstance(raised.value.__cause__, TransportError)


@pytest.mark.parametrize("fault", SLOW_RESPONSES)
def test_a_late_response_is_an_exception_without_a_status(fault: str) -> None:
    with faulty_server(SLOW_RESPONSES[fault]) as url, pytest.raises(ApiException) as raised:
        api(url).PGCustomerFetchInstrument("asha", "i1", _request_timeout=(0.1, 0.2))
    assert raised.value.status == 0


@pytest.mark.parametrize("fault", UNDECODABLE_RESPONSES)
def test_an_undecodable_response_is_an_exception_with_its_status(fault: str) -> None:
    with faulty_server(UNDECODABLE_RESPONSES[fault]) as url, pytest.raises(ApiException) as raised:
        api(url).PGCustomerFetchInstrument("asha", "i1", _request_timeout=5)
    assert raised.value.status in {200, 204}


def test_an_undecodable_cryptogram_is_not_shown() -> None:
    error = raised_for(200, b'{"cryptogram": ["AQBBBBBBZatIlaIAmWKSghwBBBB="], "card_number": "4706131211212123"}')
    assert error.status == 200
    assert error.body is None
    assert "AQBB" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("positional", "named", "kind"),
    [
        (("asha",), {}, ApiTypeError),
        (("asha", "i1", "r1", "k1", "more"), {}, ApiTypeError),
        (("asha", "i1"), {"customer_id": "asha"}, ApiTypeError),
        (("asha", "i1"), {"colour": "blue"}, ApiTypeError),
        (("asha", 5), {}, ValidationError),
        ((None, "i1"), {}, ValidationError),
        (("asha", "i1"), {"x_idempotency_key": 5}, ValidationError),
        (("", "i1"), {}, ApiValueError),
        (("asha", ".."), {}, ApiValueError),
        (("asha", "{instrument_id}"), {}, ApiValueError),
        (("asha", "i1", "a\r\nb"), {}, ApiValueError),
        (("asha", "i1"), {"_request_timeout": "soon"}, ApiValueError),
        (("asha", "i1"), {"_request_timeout": -1}, ApiValueError),
    ],
    ids=[
        "missing",
        "too many",
        "twice",
        "unknown",
        "a number",
        "None",
        "a key that is a number",
        "empty",
        "dots",
        "a template",
        "a line break",
        "a timeout in words",
        "a timeout in the past",
    ],
)
def test_an_invalid_call_is_not_sent(
    positional: tuple[object, ...], named: Json, kind: type[Exception], server: RecordingServer
) -> None:
    with pytest.raises(kind):
        api(server.base_url).PGCustomerDeleteInstrument(*positional, **named)  # type: ignore[call-overload]
    assert server.requests == []


def test_none_for_an_optional_argument_is_not_sent(server: RecordingServer) -> None:
    api(server.base_url).PGCustomerFetchInstrument("asha", "i1", None, None)
    assert "x-idempotency-key" not in dict(server.requests[0].headers)


@pytest.mark.parametrize("method", ["PGCustomerDeleteInstrument", "PGCustomerInstrumentsFetchCryptogram"])
def test_a_call_that_acts_is_retried_with_one_key(method: str) -> None:
    with recording_server(status=None) as server:
        with pytest.raises(ApiException):
            getattr(api(server.base_url, retries=2), method)("asha", "i1", _request_timeout=5)
        keys = {dict(request.headers)["x-idempotency-key"] for request in server.requests}
    assert (len(server.requests), len(keys)) == (3, 1)


def test_a_redirect_is_not_followed(server: RecordingServer) -> None:
    with (
        recording_server(status=302, headers={"location": server.base_url}) as first,
        pytest.raises(ApiException) as raised,
    ):
        api(first.base_url).PGCustomerFetchInstrument("asha", "i1")
    assert raised.value.status == 302
    assert server.requests == []


def test_the_class_hierarchy_is_the_official_one() -> None:
    assert ApiException.__bases__ == (OpenApiException,)
    assert {each.__bases__ for each in CLASSES.values()} == {(ApiException,), (OpenApiException,)}
    argument_errors = [ApiTypeError, ApiValueError, ApiAttributeError, ApiKeyError]
    assert [each.__bases__[1] for each in argument_errors] == [TypeError, ValueError, AttributeError, KeyError]


def api(base_url: str, retries: int = 0) -> Cashfree:
    settings = Configuration()
    settings.retries = retries
    Configuration.set_default(settings)
    return Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=base_url)
