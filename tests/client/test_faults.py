"""Whatever a server does, only our errors come out, in time; they say whether the call may have arrived."""

from __future__ import annotations

import socket
import time
from itertools import product

import pytest

from tests.client.faults import ENDLESS, GOOD, LATE, LOST, UNREADABLE, WELL, answer, faulty, sends
from tests.client.ways import WAYS, Who, call, who
from tokenvault_client import CallTimeoutError, DecodeError, TransportError
from tokenvault_client._transports import MAX_BODY_BYTES

SECONDS = 0.5
SLACK = 1.5
"""What a busy machine may need beyond the deadline."""
ASKED = ("delete_instrument", "asha", "i1")


def impatient(base_url: str) -> Who:
    return Who(**who(base_url) | {"timeout": SECONDS, "max_retries": 0})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", LOST)
def test_a_broken_answer_is_a_transport_error(way: str, fault: str) -> None:
    started = time.monotonic()
    with faulty(LOST[fault]) as base_url, pytest.raises(TransportError) as failed:
        call(way, impatient(base_url), *ASKED)
    assert failed.value.sent
    assert time.monotonic() - started < SECONDS + SLACK


# Sync httpx2 bounds each read of a head and not the head as a whole, as the client's page says.
UNBOUNDED = {("httpx2", "endless hundreds"), ("httpx2", "a slow head")}


@pytest.mark.parametrize(("way", "fault"), [pair for pair in product(WAYS, LATE) if pair not in UNBOUNDED])
def test_an_answer_that_never_ends_is_cut_off_at_the_deadline(way: str, fault: str) -> None:
    started = time.monotonic()
    with faulty(LATE[fault]) as base_url, pytest.raises(CallTimeoutError) as failed:
        call(way, impatient(base_url), *ASKED)
    assert failed.value.sent
    assert time.monotonic() - started < SECONDS + SLACK


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", ENDLESS)
def test_an_answer_of_any_size_is_not_taken(way: str, fault: str) -> None:
    with faulty(ENDLESS[fault]) as base_url, pytest.raises(TransportError, match="longer than") as failed:
        call(way, Who(**impatient(base_url) | {"timeout": 10}), *ASKED)
    assert failed.value.sent


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("more", "taken"), [(0, True), (1, False)])
def test_the_limit_of_an_answer_is_exact(way: str, more: int, *, taken: bool) -> None:
    body = GOOD.ljust(MAX_BODY_BYTES + more)
    with faulty(sends(answer(body))) as base_url:
        if taken:
            assert call(way, Who(**impatient(base_url) | {"timeout": 10}), *ASKED).body == body
        else:
            with pytest.raises(TransportError, match="longer than"):
                call(way, Who(**impatient(base_url) | {"timeout": 10}), *ASKED)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_answer_that_says_nothing_is_a_decode_error(way: str, fault: str) -> None:
    with faulty(UNREADABLE[fault]) as base_url, pytest.raises(DecodeError):
        call(way, impatient(base_url), *ASKED)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", WELL)
def test_an_unusual_answer_is_an_answer(way: str, fault: str) -> None:
    with faulty(WELL[fault]) as base_url:
        assert call(way, impatient(base_url), *ASKED).data.instrument_id == "i1"


@pytest.mark.parametrize("way", WAYS)
def test_a_port_where_nobody_listens_tells_that_nothing_was_sent(way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(TransportError) as failed:
        call(way, impatient(f"http://127.0.0.1:{port}/pg"), *ASKED)
    assert not failed.value.sent


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_nobody_has_tells_that_nothing_was_sent(way: str) -> None:
    with pytest.raises(TransportError) as failed:
        call(way, impatient("https://nobody.invalid/pg"), *ASKED)
    assert not failed.value.sent
