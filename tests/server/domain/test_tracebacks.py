"""What is told of an error: types and source lines. What is raised on has no frames and no errors behind it."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.client.disclosure import errors_behind, locals_of
from tokenvault_server.domain.tracebacks import described, without_frames
from tokenvault_server.telemetry.logs import JsonLines, log_errors_of

SECRET = "hush-hush-hush"


def failed(secret: str = SECRET) -> BaseException:
    """Return an error with a cause and a context that hold a secret."""
    try:
        try:
            secret.encode("ascii").index(b"?")
        except ValueError as first:
            raise UnicodeDecodeError("utf-8", secret.encode(), 0, 1, "no text") from first
    except ValueError as second:
        return ExceptionGroup("several", [KeyError(secret), second])
    raise AssertionError


def test_a_description_names_every_error_that_led_to_it_and_no_value() -> None:
    fields = described(failed())
    assert fields["error"] == "ExceptionGroup"
    shown = json.dumps(fields)
    assert {name for name in ("KeyError", "UnicodeDecodeError", "ValueError") if name in shown} == {
        "KeyError",
        "UnicodeDecodeError",
        "ValueError",
    }
    assert "test_tracebacks.py:" in shown
    assert SECRET not in shown


def test_an_error_that_was_never_raised_is_described_too() -> None:
    assert described(ValueError(SECRET)) == {"error": "ValueError", "where": []}


def test_an_error_without_frames_leads_to_nothing() -> None:
    error = without_frames(failed())
    assert list(errors_behind(error)) == [error]
    assert error.__traceback__ is None
    assert [name for name in locals_of(error) if not name.startswith("text of")] == []


async def test_an_error_that_nobody_waits_for_is_logged_without_its_frames(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    log_errors_of(loop)
    with caplog.at_level(logging.ERROR):
        loop.call_exception_handler({"message": f"failed with {SECRET}", "exception": failed()})
        loop.call_exception_handler({"message": f"failed with {SECRET}"})
    loop.set_exception_handler(before)
    lines = [JsonLines().format(record) for record in caplog.records]
    assert [json.loads(line)["event"] for line in lines] == ["unhandled error in the event loop"] * 2
    assert [record.exc_info for record in caplog.records] == [None, None]
    assert SECRET not in "".join(lines)
