"""Every kind of error has its status and its type, one shape, and nothing in it that a caller sent."""

from __future__ import annotations

import inspect
import logging
from inspect import signature

import msgspec
import pytest

from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_server import errors
from tokenvault_server.api import problems
from tokenvault_server.api.call import Reply, Request
from tokenvault_server.api.versions import DEFAULT
from tokenvault_server.domain.tracebacks import described
from tokenvault_server.errors import (
    AuthenticationError,
    InstrumentNotFoundError,
    InvalidFieldError,
    MethodNotAllowedError,
    RateLimitedError,
    StoreError,
    TokenServiceUnavailableError,
    VaultError,
)

PLAIN = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, VaultError)
    and all(parameter.default == "" for parameter in signature(error).parameters.values())
]


def a_request() -> Request:
    request = Request("GET", b"/", b"", [], "")
    request.shape = DEFAULT.newest
    request.request_id = "req_1"
    return request


def body_of(reply: Reply) -> dict[str, str]:
    read: dict[str, str] = msgspec.json.decode(reply.body)
    return read


@pytest.mark.parametrize("error", PLAIN, ids=lambda error: error.__name__)
def test_every_error_has_the_status_of_its_kind(error: type[VaultError]) -> None:
    reply = problems.render(error(), a_request())
    problem = PROBLEMS[error.kind]
    assert reply.status == problem.status
    assert body_of(reply)["type"] == problem.wire_type
    assert (body_of(reply)["code"], body_of(reply)["message"]) == (error.code, error.message)


@pytest.mark.parametrize("error", PLAIN, ids=lambda error: error.__name__)
def test_every_error_is_documented_where_it_is_defined(error: type[VaultError]) -> None:
    assert (error.__doc__ or "").strip()


def test_every_kind_has_a_status() -> None:
    assert set(PROBLEMS) == set(Kind)


@pytest.mark.parametrize("kind", [Kind.UNAUTHENTICATED, Kind.RATE_LIMITED])
def test_the_two_documented_without_help_have_none(kind: Kind) -> None:
    error = {Kind.UNAUTHENTICATED: AuthenticationError(), Kind.RATE_LIMITED: RateLimitedError()}[kind]
    assert "help" not in body_of(problems.render(error, a_request()))


def test_a_hint_is_for_operators(caplog: pytest.LogCaptureFixture) -> None:
    reply = problems.render(TokenServiceUnavailableError(hint="ask the network"), a_request())
    assert b"ask the network" not in reply.body
    assert vars(caplog.records[0])["hint"] == "ask the network"


def test_internal_details_stay_internal() -> None:
    reply = problems.render(StoreError("the database is locked by another process"), a_request())
    assert (reply.status, b"database" in reply.body) == (500, False)


def test_a_callers_own_mistake_is_not_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        problems.render(InstrumentNotFoundError(), a_request())
    assert caplog.records == []


def test_the_reply_has_the_code_for_the_access_log() -> None:
    assert problems.render(InvalidFieldError("card_number"), a_request()).code == "card_number_invalid"


def test_a_wrong_method_names_the_allowed_ones() -> None:
    reply = problems.render(MethodNotAllowedError(("DELETE", "GET")), a_request())
    assert (b"allow", b"DELETE, GET") in reply.headers


def test_an_unforeseen_failure_is_internal(caplog: pytest.LogCaptureFixture) -> None:
    reply = problems.internal(described(ValueError("4706131211212123")), a_request())
    assert (reply.status, body_of(reply)["code"]) == (500, "internal_error")
    assert b"4706131211212123" not in reply.body
    record = vars(caplog.records[0])
    assert (record["request_id"], record["error"], record["exc_info"]) == ("req_1", "ValueError", None)
