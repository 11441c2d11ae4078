"""A response that a proxy has compressed is read, up to the limit of a response."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from cashfree_pg import Cashfree
from tests.client.faulty_server import GOOD, Fault, faulty_server, response, sends
from tests.client.recording_transport import RecordingTransport
from tests.client.transports import TRANSPORTS, call, client_options
from tokenvault_client import Client, DecodeError, RouteNotFoundError, TransportError
from tokenvault_client._transports import MAX_BODY_BYTES
from tokenvault_client.transports import Response

CALL = ("fetch_instrument", "asha", "i1")
ARCHIVE = gzip.compress(GOOD, mtime=0)
"""Without the present time, which would give each test process other test names."""
ERROR = b'{"message": "m", "code": "c", "type": "t"}'
PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "X-GZip": gzip.compress, "deflate": zlib.compress}


def compressed(body: bytes, coding: str, **more: Any) -> Fault:
    return sends(response(body, extra=f"Content-Encoding: {coding}\r\n".encode(), **more))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("coding", PACKED)
def test_a_compressed_answer_is_read(transport: str, coding: str) -> None:
    with faulty_server(compressed(PACKED[coding](GOOD), coding)) as base_url:
        answer = call(transport, client_options(base_url), *CALL)
    assert (answer.data.instrument_id, answer.body) == ("i1", GOOD)
    assert "content-encoding" not in answer.headers
    failing = compressed(PACKED[coding](ERROR), coding, status="404 Not Found")
    with faulty_server(failing) as base_url, pytest.raises(RouteNotFoundError) as failed:
        call(transport, client_options(base_url), *CALL)
    assert failed.value.code == "c"


def test_the_drop_in_reads_a_compressed_answer() -> None:
    with faulty_server(compressed(gzip.compress(GOOD), "gzip")) as base_url:
        found = Cashfree(Cashfree.SANDBOX, "me", "s", XBaseUrl=base_url).PGCustomerFetchInstrument("asha", "i1")
    assert found.data.instrument_id == "i1"
    assert found.raw_data == GOOD.decode()


class Answering(RecordingTransport):
    """A transport of a user, which returns one response."""

    def __init__(self, body: bytes, coding: str) -> None:
        super().__init__()
        self.response = Response(200, {"content-encoding": coding}, body)

    def send(self, request: Any, seconds: float) -> Response:
        return self.response


def fetch(body: bytes, coding: str) -> Any:
    options: Any = {"base_url": "https://vault.test/pg", "client_id": "me", "client_secret": "s", "max_retries": 0}
    return Client(transport=Answering(body, coding), **options).fetch_instrument("asha", "i1").data


def test_an_answer_that_a_transport_has_decompressed_is_read() -> None:
    for coding in ("gzip", "deflate", "br", "identity"):
        assert fetch(GOOD, coding).instrument_id == "i1"


@pytest.mark.parametrize("body", [ARCHIVE[:-9], ARCHIVE[:12], b"\x1f\x8b", b"\x1f\x8bx"])
def test_a_truncated_archive_is_a_decode_error(body: bytes) -> None:
    with pytest.raises(DecodeError):
        fetch(body, "gzip")


def test_a_small_archive_cannot_fill_the_memory() -> None:
    assert fetch(gzip.compress(GOOD.ljust(MAX_BODY_BYTES)), "gzip").instrument_id == "i1"
    with pytest.raises(TransportError, match="longer than"):
        fetch(gzip.compress(GOOD.ljust(MAX_BODY_BYTES + 1)), "gzip")
