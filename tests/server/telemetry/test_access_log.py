"""The access log has one line for every call, and writes lines together."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from tests.support.clock import NOW
from tokenvault_server.telemetry.access_log import CALL, CALLS, AccessLine, AccessLog, level_of
from tokenvault_server.telemetry.timestamps import timestamp


def a_line(request_id: str = "req_1", status: int = 200) -> AccessLine:
    return AccessLine(
        at=timestamp(NOW),
        level=level_of(status),
        logger=CALLS,
        event=CALL,
        request_id=request_id,
        operation="fetch_instrument",
        status=status,
        micros=120,
    )


class CountingStream(io.BytesIO):
    """Counts its writes, and fails while `is_broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.is_broken = False

    def write(self, data: object) -> int:
        if self.is_broken:
            raise BrokenPipeError
        self.writes += 1
        return super().write(data)  # type: ignore[arg-type]  # bytes, as AccessLog writes them


@pytest.fixture
def stream() -> CountingStream:
    return CountingStream()


def written(stream: CountingStream) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_line_has_no_empty_fields(stream: CountingStream) -> None:
    log = AccessLog(stream)
    log.write(a_line())
    log.flush()
    assert written(stream)[0].keys() >= {
        "at",
        "level",
        "logger",
        "event",
        "request_id",
        "operation",
        "status",
        "micros",
    }
    assert "customer_id" not in written(stream)[0]


async def test_lines_of_one_loop_iteration_share_a_write(stream: CountingStream) -> None:
    log = AccessLog(stream)
    for number in range(10):
        log.write(a_line(f"req_{number}"))
    await asyncio.sleep(0)
    assert (stream.writes, len(written(stream))) == (1, 10)


async def test_the_next_loop_iteration_writes_again(stream: CountingStream) -> None:
    log = AccessLog(stream)
    for number in range(3):
        log.write(a_line(f"req_{number}"))
        await asyncio.sleep(0)
    assert [line["request_id"] for line in written(stream)] == ["req_0", "req_1", "req_2"]


async def test_a_log_without_a_stream_is_off() -> None:
    log = AccessLog(None)
    assert not log.is_on
    log.flush()


async def test_lines_are_written_again_after_a_broken_stream_recovers(stream: CountingStream) -> None:
    log, loop = AccessLog(stream), asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    stream.is_broken = True
    log.write(a_line("req_lost"))
    await asyncio.sleep(0)
    stream.is_broken = False
    log.write(a_line("req_after"))
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert written(stream)[-1]["request_id"] == "req_after"
