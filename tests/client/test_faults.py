"""Every fault of a server becomes an error of the client, in time, which says whether the call may have arrived."""

from __future__ import annotations

import socket
import time
from itertools import product

import pytest

from tests.client.faulty_server import (
    BROKEN_RESPONSES,
    ENDLESS_RESPONSES,
    GOOD,
    SLOW_RESPONSES,
    UNDECODABLE_RESPONSES,
    UNUSUAL_RESPONSES,
    faulty_server,
    response,
    sends,
)
from tests.client.transports import TRANSPORTS, ClientOptions, call, client_options
from tokenvault_client import CallTimeoutError, DecodeError, TransportError
from tokenvault_client._transports import MAX_BODY_BYTES

SECONDS = 2.0
SHORT = 0.25
SLACK = 1.5
"""The seconds that a busy machine may need beyond the deadline."""
CALL = ("delete_instrument", "asha", "i1")


def bounded(base_url: str, seconds: float = SECONDS) -> ClientOptions:
    return ClientOptions(**client_options(base_url) | {"timeout": seconds, "max_retries": 0})


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", BROKEN_RESPONSES)
def test_a_broken_response_is_a_transport_error(transport: str, fault: str) -> None:
    started = time.monotonic()
    with faulty_server(BROKEN_RESPONSES[fault]) as base_url, pytest.raises(TransportError) as failed:
        call(transport, bounded(base_url), *CALL)
    assert failed.value.sent
    assert time.monotonic() - started < SECONDS


# The synchronous httpx2 transport bounds each read of a head, not the whole head, as its docstring says.
UNBOUNDED = {("httpx2", "endless hundreds"), ("httpx2", "a slow head")}


@pytest.mark.parametrize(
    ("transport", "fault"), [pair for pair in product(TRANSPORTS, SLOW_RESPONSES) if pair not in UNBOUNDED]
)
def test_an_endless_wait_ends_at_the_deadline(transport: str, fault: str) -> None:
    started = time.monotonic()
    with faulty_server(SLOW_RESPONSES[fault]) as base_url, pytest.raises(CallTimeoutError) as failed:
        call(transport, bounded(base_url, SHORT), *CALL)
    assert failed.value.sent
    assert time.monotonic() - started < SHORT + SLACK


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", ENDLESS_RESPONSES)
def test_a_response_has_a_maximal_size(transport: str, fault: str) -> None:
    with (
        faulty_server(ENDLESS_RESPONSES[fault]) as base_url,
        pytest.raises(TransportError, match="longer than") as failed,
    ):
        call(transport, bounded(base_url, 10), *CALL)
    assert failed.value.sent


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("excess", "accepted"), [(0, True), (1, False)])
def test_the_maximal_size_of_a_response_is_exact(transport: str, excess: int, *, accepted: bool) -> None:
    body = GOOD.ljust(MAX_BODY_BYTES + excess)
    with faulty_server(sends(response(body))) as base_url:
        if accepted:
            assert call(transport, bounded(base_url, 10), *CALL).body == body
        else:
            with pytest.raises(TransportError, match="longer than"):
                call(transport, bounded(base_url, 10), *CALL)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", UNDECODABLE_RESPONSES)
def test_an_undecodable_response_is_a_decode_error(transport: str, fault: str) -> None:
    with faulty_server(UNDECODABLE_RESPONSES[fault]) as base_url, pytest.raises(DecodeError):
        call(transport, bounded(base_url), *CALL)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", UNUSUAL_RESPONSES)
def test_an_unusual_but_valid_response_is_accepted(transport: str, fault: str) -> None:
    with faulty_server(UNUSUAL_RESPONSES[fault]) as base_url:
        assert call(transport, bounded(base_url), *CALL).data.instrument_id == "i1"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_refused_connection_is_an_unsent_error(transport: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(TransportError) as failed:
        call(transport, bounded(f"http://127.0.0.1:{port}/pg"), *CALL)
    assert not failed.value.sent


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_unknown_name_is_an_unsent_error(transport: str) -> None:
    with pytest.raises(TransportError) as failed:
        call(transport, bounded("https://unknown.invalid/pg"), *CALL)
    assert not failed.value.sent
