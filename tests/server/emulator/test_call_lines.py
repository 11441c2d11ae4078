"""The line of a call says what was called and how it ended, and nothing that is secret."""

from __future__ import annotations

import asyncio

from tokenvault_server.api.call import Reply, Request
from tokenvault_server.emulator.call_lines import CallLines
from tokenvault_server.emulator.exchange import EXCHANGE, Exchange

CARD = b"4706131211212123"


def request(path: bytes = b"/pg/customers/asha/instruments", query: bytes = b"") -> Request:
    return Request("GET", path, query, [], "127.0.0.1")


def lines_of(call: Request, status: int = 200, *, in_colour: bool = False) -> list[str]:
    lines: list[str] = []
    CallLines(lines.append, in_colour=in_colour).record(call, Reply(status, b""), 0.0123)
    return lines


def test_a_line_has_method_path_status_and_milliseconds() -> None:
    assert lines_of(request()) == ["GET /pg/customers/asha/instruments 200 12 ms"]


def test_a_line_shows_no_query_and_no_card_number() -> None:
    (line,) = lines_of(request(b"/pg/customers/" + CARD, b"secret=cfsk_ma_test_1"), 404)
    assert "cfsk" not in line
    assert CARD.decode() not in line


def test_a_path_cannot_move_the_cursor_of_the_terminal() -> None:
    (line,) = lines_of(request(b"/pg/\x1b[2J\n"))
    assert line.isprintable()


def test_a_terminal_sees_the_status_in_colour() -> None:
    assert lines_of(request(), 502, in_colour=True) == ["GET /pg/customers/asha/instruments \x1b[31m502\x1b[0m 12 ms"]


def test_the_line_of_a_401_waits_for_its_reason() -> None:
    lines: list[str] = []

    async def serve() -> None:
        found = asyncio.Event()

        async def diagnose() -> str:
            await found.wait()
            return "x-client-id is missing"

        EXCHANGE.set(Exchange(diagnosis=asyncio.create_task(diagnose())))
        CallLines(lines.append).record(request(), Reply(401, b""), 0.002)
        assert lines == []
        found.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(serve())
    assert lines == ["GET /pg/customers/asha/instruments 401 2 ms: x-client-id is missing"]
