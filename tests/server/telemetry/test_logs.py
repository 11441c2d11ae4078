"""Log lines are JSON with named fields, and everything that looks like a card number is masked."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tokenvault_server.domain.card import Pan
from tokenvault_server.domain.secret import Secret
from tokenvault_server.telemetry.logs import MASK, JsonLines, redact, start_logging

PAN = "4706131211212123"


def line(message: str, *arguments: object, **extra: object) -> dict[str, Any]:
    record = logging.getLogger("tests").makeRecord(
        "tests", logging.INFO, "file.py", 1, message, arguments, None, extra=extra
    )
    read: dict[str, Any] = json.loads(JsonLines().format(record))
    return read


def test_a_line_has_time_level_logger_and_event() -> None:
    logged = line("card %s", "saved")
    assert (logged["level"], logged["logger"], logged["event"]) == ("info", "tests", "card saved")
    assert len(logged["at"]) == len("2026-11-22T08:45:30.123Z")


def test_fields_of_a_record_are_fields_of_its_line() -> None:
    logged = line("event", request_id="req_1", count=3)
    assert (logged["request_id"], logged["count"]) == ("req_1", 3)


def test_a_line_break_in_a_message_is_escaped() -> None:
    record = logging.makeLogRecord({"msg": "one\ntwo", "levelname": "INFO"})
    assert "\n" not in JsonLines().format(record)


@pytest.mark.parametrize("secret", [Secret("hidden"), Secret(b"hidden"), Pan("hidden")], ids=["text", "bytes", "pan"])
def test_a_secret_in_a_field_is_logged_as_stars(secret: object) -> None:
    assert "hidden" not in json.dumps(line("event", field=secret, fields=[secret], nested={"in": secret}))


@pytest.mark.parametrize(
    "extra",
    [{"text": f"x {PAN}"}, {"number": int(PAN)}, {"list": [PAN]}, {"nested": {"pan": PAN}}, {"key": {PAN: 1}}],
    ids=["text", "number", "list", "nested", "key"],
)
def test_a_card_number_in_any_field_is_masked(extra: dict[str, object]) -> None:
    assert PAN not in json.dumps(line("event", **extra))


def test_a_card_number_in_a_message_is_masked() -> None:
    assert line("saved %s", PAN)["event"] == f"saved {MASK}"


def test_an_exception_is_logged_with_class_and_source_line_but_no_value() -> None:
    with pytest.raises(ValueError, match=PAN) as caught:
        int(f"x{PAN}")
    failure = (caught.type, caught.value, caught.tb)
    logged = JsonLines().format(logging.makeLogRecord({"msg": "failed", "exc_info": failure}))
    assert PAN not in logged
    assert json.loads(logged)["error"] == "ValueError"
    assert "test_logs.py" in json.loads(logged)["where"][-1]


@pytest.mark.parametrize(
    "text",
    [
        PAN,
        "4706 1312 1121 2123",
        "4706-1312-1121-2123",
        f"pan={PAN};",
        f"{PAN} 0328",
        "4706 1312 1121 2123 0328",
        "2026 4706 1312 1121 2123",
        "378282246310005",
        "30569309025904",
    ],
)
def test_a_card_number_is_masked_in_every_form(text: str) -> None:
    masked = redact(text)
    assert MASK in masked
    assert "1121" not in masked
    assert "6310005" not in masked


@pytest.mark.parametrize(
    "text", ["", "4706131211212124", "0197f0a0-0000-7000-8000-000000000001", "1795337130000000", "req_470613121121"]
)
def test_other_digits_are_not_masked(text: str) -> None:
    assert redact(text) == text


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_logger_writes_json_once_logging_is_started(stream: io.StringIO) -> None:
    start_logging("warning", stream)
    logging.getLogger("uvicorn.error").warning("from a library")
    logging.getLogger("tests").info("below the level")
    assert [json.loads(each)["event"] for each in stream.getvalue().splitlines()] == ["from a library"]
