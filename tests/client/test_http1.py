"""What travels, read and written without a socket."""

from __future__ import annotations

import re
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.faults import GOOD, answer
from tokenvault_client._transports import MAX_BODY_BYTES, Request, Response
from tokenvault_client._transports.http1.messages import MAX_BYTES, MAX_HEAD_BYTES, AnswerReader, wire
from tokenvault_client.errors import TransportError, UsageError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = Response(200, {"content-length": "23"}, GOOD)


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    """Gives the bytes in parts."""
    ends = sorted({place % (len(raw) + 1) for place in places} | {0, len(raw)})
    return [raw[start:end] for start, end in pairwise(ends)]


def fed(reader: AnswerReader, *parts: bytes) -> list[Response]:
    """Gives what the reader made of some parts."""
    return [each for each in map(reader.feed, parts) if each]


def refused(reader: AnswerReader, part: bytes, words: str) -> None:
    with pytest.raises(TransportError, match=words) as failed:
        reader.feed(part)
    assert failed.value.sent
    assert not reader.is_reusable


@given(places=st.lists(st.integers(min_value=0)))
@pytest.mark.parametrize(
    "raw",
    [
        answer(),
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nlink: </x>\r\n\r\n" + answer(),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer(),
        answer(status="200"),
    ],
)
def test_an_answer_is_the_same_however_it_was_cut(raw: bytes, places: list[int]) -> None:
    reader = AnswerReader()
    assert fed(reader, *cut(raw, places)) == [OK]
    assert reader.is_reusable


@given(places=st.lists(st.integers(min_value=0)))
def test_chunks_are_put_together_and_trailers_stand_for_no_header(places: list[int]) -> None:
    raw = CHUNKED + b"a;x=y\r\n" + GOOD[:10] + b"\r\nd\r\n" + GOOD[10:] + b"\r\n0\r\nx-request-id: forged\r\n\r\n"
    assert fed(AnswerReader(), *cut(raw, places)) == [Response(200, {"transfer-encoding": "chunked"}, GOOD)]


def test_one_connection_has_many_answers() -> None:
    reader = AnswerReader()
    for status in (200, 404, 204, 503, 200):
        reader.begin()
        (told,) = fed(reader, answer(b"" if status == 204 else GOOD, status=f"{status} x"))
        assert (told.status, reader.is_reusable) == (status, True)


def test_what_an_earlier_answer_said_is_not_said_again() -> None:
    reader = AnswerReader()
    reader.feed(answer(extra=b"x-request-id: first\r\n"))
    reader.begin()
    assert fed(reader, answer()) == [OK]


@pytest.mark.parametrize(
    "raw",
    [
        answer(extra=b"Connection: close\r\n"),
        answer().replace(b"HTTP/1.1", b"HTTP/1.0"),
        answer() + b"x",
        answer() + answer(b"another card"),
        answer() + b"HTTP/1.1 ",
    ],
)
def test_a_connection_that_cannot_be_trusted_to_go_on_is_not_used_again(raw: bytes) -> None:
    reader = AnswerReader()
    (told,) = fed(reader, raw)
    assert told.body == GOOD
    assert not reader.is_reusable


def test_what_follows_a_whole_answer_changes_nothing_of_it() -> None:
    reader = AnswerReader()
    assert fed(reader, answer(), answer(b"another card", status="500 x", extra=b"x: y\r\n")) == [OK]
    assert not reader.is_reusable


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    reader = AnswerReader()
    assert fed(reader, b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n", GOOD) == []
    assert reader.end() == Response(200, {"x": "y"}, GOOD)
    assert not reader.is_reusable


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        answer(length=100),
        CHUNKED + b"17\r\n" + GOOD + b"\r\n",
    ],
)
def test_a_connection_that_ends_early_leaves_no_answer(raw: bytes) -> None:
    reader = AnswerReader()
    assert fed(reader, raw) == []
    with pytest.raises(TransportError, match="before the answer was whole") as failed:
        reader.end()
    assert failed.value.sent


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 23\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n name: folded\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 099 Nearly\r\nContent-Length: 2\r\n\r\n[]" + answer(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"ffffffffffffffffff\r\n",
    ],
)
def test_what_two_readers_could_read_differently_is_no_answer(raw: bytes) -> None:
    refused(AnswerReader(), raw, "not HTTP")


def test_a_head_has_a_limit_interim_answers_included() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    reader = AnswerReader()
    fitting = hints * (MAX_HEAD_BYTES // len(hints))
    assert reader.feed(fitting) is None
    refused(reader, hints, "the head of the answer is longer than 65,536 bytes")


def test_a_body_has_a_limit_before_it_ends() -> None:
    reader = AnswerReader()
    reader.feed(answer(b"", length=10**12))
    assert reader.feed(b" " * MAX_BODY_BYTES) is None
    refused(reader, b" ", "longer than 4,194,304 bytes")


@pytest.mark.parametrize("again", [b"1;" + b"x" * 1000 + b"\r\n \r\n", b"0\r\nx: " + b"y" * 1000])
def test_what_stands_between_the_parts_of_a_body_has_a_limit(again: bytes) -> None:
    reader = AnswerReader()
    reader.feed(CHUNKED + again * (MAX_BYTES // len(again) - 1))
    with pytest.raises(TransportError):
        assert fed(reader, again, again) == []


def test_an_answer_is_given_away_and_not_kept() -> None:
    """A connection can wait for a minute, and the answer may have been a cryptogram."""
    reader = AnswerReader()
    (told,) = fed(reader, answer(extra=b"x-secret: hush\r\n"))
    held = [value for name in AnswerReader.__slots__ for value in [getattr(reader, name)]]
    assert told.body == GOOD
    assert [value for value in held if value and isinstance(value, list | dict)] == []


@pytest.mark.parametrize("is_whole", [False, True])
def test_an_interrupt_while_an_answer_is_read_is_not_taken_for_a_bad_answer(*, is_whole: bool) -> None:
    class Interrupted(AnswerReader):
        def on_message_begin(self) -> None:
            if self.is_complete == is_whole:
                raise KeyboardInterrupt
            super().on_message_begin()

    reader = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        reader.feed(answer() + b"what nobody asked for")
    assert not reader.is_reusable


def test_a_head_that_is_not_ascii_can_be_read() -> None:
    (told,) = fed(AnswerReader(), answer(extra="x-Odd: é\r\n".encode()))
    assert told.headers["x-odd"] == "Ã©"


VISIBLE = st.text(st.sampled_from(string.printable[:-5]), min_size=1)


@given(name=VISIBLE, value=VISIBLE, body=st.none() | st.binary())
def test_a_request_has_a_line_for_each_header_and_then_its_body(name: str, value: str, body: bytes | None) -> None:
    request = Request("POST", "http://a/b", ((name, value), ("x", "y")), body)
    length = "" if body is None else f"content-length: {len(body)}\r\n"
    head = f"POST /b HTTP/1.1\r\nhost: a\r\n{name}: {value}\r\nx: y\r\n{length}\r\n"
    assert wire(request, "a", "/b") == head.encode() + (body or b"")


@given(before=VISIBLE, after=VISIBLE)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n\r\n"])
@pytest.mark.parametrize("place", ["name", "value", "target"])
def test_nothing_breaks_out_of_its_line(place: str, end: str, before: str, after: str) -> None:
    parts = {"name": "x", "value": "y", "target": "/b"} | {place: before + end + after}
    request = Request("GET", "http://a/b", ((parts["name"], parts["value"]),))
    with pytest.raises(UsageError, match="line end") as told:
        wire(request, "a", parts["target"])
    assert not re.search(re.escape(before + end), str(told.value))


def test_a_header_that_is_not_ascii_is_not_sent() -> None:
    with pytest.raises(UsageError, match="ASCII") as told:
        wire(Request("GET", "http://a/b", (("x-client-secret", "gehéim"),)), "a", "/b")
    assert "geh" not in str(told.value)
    assert told.value.__cause__ is None
