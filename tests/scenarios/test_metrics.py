"""What Prometheus reads from a busy server is well-formed at every moment, and counts every call once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.emulator_process import Emulator, instruments
from tests.support.exposition import assert_well_formed, scraped, value_of

CALLERS = 4
CALLS = 50


def test_metrics_of_a_busy_server_are_well_formed_and_complete(running: Emulator) -> None:
    card = instruments("busy", running.save("busy")["instrument_id"])
    before = value_of(assert_well_formed(scraped(running)), "tokenvault_calls_total", operation="fetch_instrument")

    def call(_: int) -> None:
        with running.connection() as connection:
            for _ in range(CALLS):
                assert connection.ask("GET", card).status == 200

    with ThreadPoolExecutor(CALLERS) as callers:
        calling = [callers.submit(call, number) for number in range(CALLERS)]
        while not all(each.done() for each in calling):
            assert_well_formed(scraped(running))
        for each in calling:
            each.result()
    families = assert_well_formed(scraped(running))
    while value_of(families, "tokenvault_calls_total", operation="fetch_instrument") < before + CALLERS * CALLS:
        families = assert_well_formed(scraped(running))  # a worker hands its counts on twice a second
    # Not exactly as many: a worker may hand on the last calls of an earlier test only now.
    after = value_of(families, "tokenvault_calls_total", operation="fetch_instrument")
    assert value_of(families, "tokenvault_call_seconds_count", operation="fetch_instrument") == after
