"""How connections are kept, given up and counted, by both colours of the usual transport."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import uvloop

from tests.client.authority import Authority
from tests.client.counting import ASKED, SECONDS, WAYS, Caller, Counting, counting
from tests.client.faults import answer
from tests.client.ways import Who, who
from tokenvault_client import AsyncClient, CallTimeoutError, Client, TransportError
from tokenvault_client._transports.http1 import addresses, keeping
from tokenvault_client.transports import Connecting

ALL = pytest.mark.parametrize("way", WAYS)
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@ALL
def test_calls_that_follow_each_other_share_a_connection(way: str) -> None:
    with counting() as server, Caller(way, server.base_url) as caller:
        assert [caller.call() for _ in range(5)] == [200] * 5
        assert server.calls == [0] * 5


@ALL
def test_over_tls_too(way: str, tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    connecting = Connecting(ca_pem=authority.file.read_bytes())
    with counting(tls=authority.server()) as server, Caller(way, server.base_url, connecting) as caller:
        assert [caller.call() for _ in range(5)] == [200] * 5
        assert server.calls == [0] * 5


@ALL
def test_a_connection_that_was_hung_up_meanwhile_is_not_tried(way: str) -> None:
    with counting() as server, Caller(way, server.base_url) as caller:
        for turn in range(3):
            assert caller.call() == 200
            server.hang_up()
            assert server.calls[turn:] == [turn]


@ALL
def test_a_connection_that_said_what_nobody_asked_for_is_not_believed(way: str) -> None:
    with counting() as server, Caller(way, server.base_url) as caller:
        caller.call()
        server.say(answer(b'{"instrument_id": "forged"}'))
        assert caller.call() == 200
        assert server.calls == [0, 1]


@ALL
def test_a_connection_that_the_server_wants_closed_is_closed(way: str) -> None:
    with counting(lambda _: answer(extra=b"Connection: close\r\n")) as server, Caller(way, server.base_url) as caller:
        assert [caller.call() for _ in range(3)] == [200] * 3
        assert server.calls == [0, 1, 2]


@ALL
def test_a_connection_that_was_idle_for_long_is_hung_up(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with counting() as server, Caller(way, server.base_url) as caller:
        assert caller.call() == 200
        monkeypatch.setattr(keeping, "MAX_IDLE_SECONDS", 0)
        assert caller.call() == 200
        assert server.calls == [0, 1]
        assert server.ends[0].wait(SECONDS)


@ALL
def test_a_refusal_keeps_its_connection(way: str) -> None:
    def refused_first(server: Counting) -> bytes:
        return answer(status="404 Not Found") if len(server.calls) == 1 else answer()

    with counting(refused_first) as server, Caller(way, server.base_url) as caller:
        with pytest.raises(Exception, match="404"):
            caller.call()
        assert caller.call() == 200
        assert server.calls == [0, 0]


@ALL
def test_a_call_that_ran_out_of_time_takes_its_connection_along(way: str) -> None:
    """Or the next call would be given its answer."""
    late = threading.Event()

    def late_first(server: Counting) -> bytes:
        if len(server.calls) == 1:
            late.wait(SECONDS)
        return answer()

    with counting(late_first) as server, Caller(way, server.base_url, timeout=0.2) as caller:
        with pytest.raises(CallTimeoutError) as failed:
            caller.call()
        assert failed.value.sent
        late.set()
        assert caller.call() == 200
        assert server.calls == [0, 1]


@ALL
def test_a_closed_client_hangs_up_and_can_call_again(way: str) -> None:
    with counting() as server, Caller(way, server.base_url) as caller:
        caller.call()
        caller.close()
        assert server.ends[0].wait(SECONDS)
        assert caller.call() == 200
        assert server.calls == [0, 1]


def test_a_client_that_is_closed_during_a_call_hangs_up_after_it() -> None:
    asked, closed = threading.Event(), threading.Event()

    def late(_: Counting) -> bytes:
        asked.set()
        closed.wait(SECONDS)
        return answer()

    with counting(late) as server, Caller("http1", server.base_url) as caller, ThreadPoolExecutor() as threads:
        call = threads.submit(caller.call)
        assert asked.wait(SECONDS)
        caller.close()
        closed.set()
        assert call.result() == 200
        assert server.ends[0].wait(SECONDS)


def test_a_client_that_is_dropped_in_a_circle_of_garbage_hangs_up_and_nobody_is_warned(
    recwarn: pytest.WarningsRecorder,
) -> None:
    with counting() as server:
        for _ in range(20):
            vault = Client(**who(server.base_url))
            vault.fetch_instrument(*ASKED)
            circle = [vault]
            circle.append(circle)  # type: ignore[arg-type]
            del vault, circle
        gc.collect()
        assert [end.wait(SECONDS) for end in server.ends] == [True] * 20
    assert not recwarn.list


def test_a_client_that_is_dropped_hangs_up_and_nobody_is_warned(recwarn: pytest.WarningsRecorder) -> None:
    with counting() as server:
        Client(**who(server.base_url)).fetch_instrument(*ASKED)
        assert server.ends[0].wait(SECONDS)
    assert not recwarn.list


@LOOPS
def test_a_client_that_is_dropped_hangs_up_while_its_loop_goes_on(run: Any) -> None:
    async def scenario(server: Counting) -> bool:
        await AsyncClient(**who(server.base_url)).fetch_instrument(*ASKED)
        gc.collect()
        return await asyncio.to_thread(server.ends[0].wait, SECONDS)

    with counting() as server:
        assert run(scenario(server))


@LOOPS
def test_a_connection_whose_end_the_loop_has_seen_and_not_told_yet_is_not_tried(run: Any) -> None:
    async def scenario(server: Counting) -> list[int]:
        async with AsyncClient(**Who(**who(server.base_url) | {"max_retries": 0})) as vault:
            for turns in range(4):
                await vault.fetch_instrument(*ASKED)
                server.hang_up()
                for _ in range(turns):
                    await asyncio.sleep(0)
            await vault.fetch_instrument(*ASKED)
        return server.calls

    with counting() as server:
        assert run(scenario(server)) == [0, 1, 2, 3, 4]


def test_connections_that_nobody_needed_for_long_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last used is taken first, so that the others would wait for ever."""
    both = threading.Barrier(2)

    def answered(server: Counting) -> bytes:
        if len(server.calls) <= both.parties:
            both.wait(SECONDS)
        else:  # the one that carries this call is young whenever it comes back
            monkeypatch.setattr(keeping, "MAX_IDLE_SECONDS", 1e-9)
        return answer()

    with counting(answered) as server, Caller("http1", server.base_url) as caller:
        with ThreadPoolExecutor() as threads:
            assert [call.result() for call in [threads.submit(caller.call) for _ in range(both.parties)]] == [200, 200]
        assert caller.call() == 200
        assert server.ends[1 - server.calls[-1]].wait(SECONDS)
        assert not server.ends[server.calls[-1]].is_set()


@ALL
def test_all_connections_are_free_again_after_failures(way: str) -> None:
    with counting(lambda _: b"garbage") as server:
        connecting = Connecting(connect_seconds=0.5, max_connections=2)
        with Caller(way, server.base_url, connecting) as caller:
            for _ in range(5):
                with pytest.raises(TransportError, match="not HTTP"):
                    caller.call()


@LOOPS
def test_a_task_that_is_cancelled_takes_its_connection_along(run: Any) -> None:
    asked, held = threading.Event(), threading.Event()

    def late_first(server: Counting) -> bytes:
        if len(server.calls) == 1:
            asked.set()
            held.wait(SECONDS)
        return answer()

    async def scenario(server: Counting) -> list[int]:
        async with AsyncClient(**who(server.base_url), max_connections=1) as vault:
            first = asyncio.create_task(vault.fetch_instrument(*ASKED))
            await asyncio.to_thread(asked.wait, SECONDS)
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first
            held.set()
            await vault.fetch_instrument(*ASKED)
        return server.calls

    with counting(late_first) as server:
        assert run(scenario(server)) == [0, 1]


@LOOPS
def test_a_client_serves_one_event_loop_after_another(run: Any) -> None:
    with counting() as server:
        vault = AsyncClient(**who(server.base_url))

        async def call_and_close() -> int:
            told = await vault.fetch_instrument(*ASKED)
            await vault.close()
            return told.status

        assert [run(call_and_close()) for _ in range(3)] == [200] * 3


def test_threads_with_event_loops_of_their_own_share_a_client() -> None:
    with counting() as server:
        vault = AsyncClient(**who(server.base_url))
        statuses: list[int] = []

        async def calls() -> None:
            async with vault:
                statuses.extend([(await vault.fetch_instrument(*ASKED)).status for _ in range(5)])

        callers = [threading.Thread(target=lambda: asyncio.run(calls())) for _ in range(5)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert statuses == [200] * 25


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://127.0.0.1:8480", ("127.0.0.1", 8480, "127.0.0.1:8480", False)),
        ("https://vault.example.com", ("vault.example.com", 443, "vault.example.com", True)),
        ("https://Vault.Example.com:443", ("vault.example.com", 443, "vault.example.com", True)),
        ("http://h:443", ("h", 443, "h:443", False)),
        ("https://[::1]:8443", ("::1", 8443, "[::1]:8443", True)),
        ("http://[::1]", ("::1", 80, "[::1]", False)),
        ("https://bücher.example", ("xn--bcher-kva.example", 443, "xn--bcher-kva.example", True)),
    ],
)
def test_an_origin_is_where_to_connect_and_what_the_host_header_says(
    text: str, told: tuple[str, int, str, bool]
) -> None:
    assert addresses.origin(text) == told


def test_an_address_is_told_from_a_name_without_asking_anybody() -> None:
    assert addresses.numeric(addresses.origin("http://127.0.0.1:81")) == [("127.0.0.1", 81)]
    assert addresses.numeric(addresses.origin("http://[::1]:81")) == [("::1", 81)]
    assert addresses.numeric(addresses.origin("http://localhost:81")) == ()
