"""A failure that repeats has few log lines, and no repeat is lost from the count."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from tokenvault_server.telemetry.logs import JsonHandler
from tokenvault_server.telemetry.repeats import Repeats

FIRST = 3
SECONDS = 10.0


class Log:
    """A handler over a stream, and lines at chosen moments."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.handler = JsonHandler(self._stream, Repeats(FIRST, SECONDS))
        self.at = 1_795_337_130.0

    def write(self, event: str, level: int = logging.WARNING, **fields: object) -> None:
        values = {"msg": event, "levelno": level, "levelname": logging.getLevelName(level), "name": "tests"}
        self.handler.handle(logging.makeLogRecord(values | {"created": self.at} | fields))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def counts(self) -> list[int]:
        return [line.get("repeats", 1) for line in self.lines()]


@pytest.fixture
def log() -> Log:
    return Log()


def test_an_outage_of_ten_seconds_has_three_lines_and_one_with_a_count(log: Log) -> None:
    for number in range(128):  # a power of two, so that the steps add up exactly
        log.write("call failed", logging.ERROR, hint="check the disk", request_id=f"req_{number}")
        log.at += SECONDS / 128
    log.write("it works again")
    assert log.counts() == [1, 1, 1, 125, 1]
    assert (log.lines()[3]["request_id"], log.lines()[3]["hint"]) == ("req_127", "check the disk")


def test_tasks_that_fail_for_one_reason_count_as_one(log: Log) -> None:
    for number in range(10):
        log.write("will be tried again", task=f"task {number}", hint="the database cannot be reached")
    assert len(log.lines()) == FIRST


def test_another_reason_is_another_line(log: Log) -> None:
    for number in range(10):
        log.write("will be tried again", hint=f"reason {number}")
    assert len(log.lines()) == 10


def test_lines_below_warnings_always_pass(log: Log) -> None:
    for _ in range(10):
        log.write("started", logging.INFO)
    assert len(log.lines()) == 10


def test_what_is_held_back_at_the_end_is_written_when_the_log_is_closed(log: Log) -> None:
    for _ in range(10):
        log.write("not ready")
    log.handler.close()
    assert log.counts() == [1, 1, 1, 7]


def test_the_count_is_written_although_nothing_else_happens() -> None:
    log = Log()
    log.handler = JsonHandler(log._stream, Repeats(FIRST, seconds=0.001))  # noqa: SLF001  # the log's own stream
    for _ in range(10):
        log.write("not ready")
    log.handler.join(10)
    assert sum(log.counts()) == 10


def test_a_clock_that_is_set_back_holds_nothing_back_for_longer(log: Log) -> None:
    for _ in range(5):
        log.write("not ready")
    log.at -= 3600
    log.write("not ready")
    assert log.counts() == [1, 1, 1, 2, 1]


def test_many_kinds_of_lines_take_bounded_memory(log: Log) -> None:
    repeats = Repeats(FIRST, SECONDS)
    for number in range(5_000):
        record = logging.makeLogRecord({"msg": f"event {number}", "levelno": logging.WARNING, "created": log.at})
        repeats.ended(log.at)
        assert repeats.passes(record)
    assert len(repeats) <= 1_000
