"""Connections of the default transport, synchronous and asynchronous: how they are kept, closed and counted."""

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
from tests.client.counting_server import IDS, SECONDS, TRANSPORTS, Caller, CountingServer, counting_server
from tests.client.faulty_server import response
from tests.client.transports import ClientOptions, client_options
from tokenvault_client import AsyncClient, CallTimeoutError, Client, TransportError
from tokenvault_client._transports.http1 import addresses
from tokenvault_client.transports import Connecting

ALL = pytest.mark.parametrize("transport", TRANSPORTS)
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@ALL
def test_consecutive_calls_share_a_connection(transport: str) -> None:
    with counting_server() as server, Caller(transport, server.base_url) as caller:
        assert [caller.call() for _ in range(5)] == [200] * 5
        assert server.calls == [0] * 5


@ALL
def test_consecutive_calls_share_a_connection_over_tls(transport: str, tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    connecting = Connecting(ca_pem=authority.file.read_bytes())
    with counting_server(tls=authority.server()) as server, Caller(transport, server.base_url, connecting) as caller:
        assert [caller.call() for _ in range(5)] == [200] * 5
        assert server.calls == [0] * 5


@ALL
def test_a_connection_that_the_server_closed_is_not_used(transport: str) -> None:
    with counting_server() as server, Caller(transport, server.base_url) as caller:
        for call in range(3):
            assert caller.call() == 200
            server.close_connections()
            assert server.calls[call:] == [call]


@ALL
def test_a_connection_with_data_before_the_request_is_not_used(transport: str) -> None:
    with counting_server() as server, Caller(transport, server.base_url) as caller:
        caller.call()
        server.send(response(b'{"instrument_id": "forged"}'))
        assert caller.call() == 200
        assert server.calls == [0, 1]


@ALL
def test_connection_close_closes_the_connection(transport: str) -> None:
    with (
        counting_server(lambda _: response(extra=b"Connection: close\r\n")) as server,
        Caller(transport, server.base_url) as caller,
    ):
        assert [caller.call() for _ in range(3)] == [200] * 3
        assert server.calls == [0, 1, 2]


@ALL
def test_a_connection_that_was_idle_for_too_long_is_closed(transport: str) -> None:
    connecting = Connecting(max_idle_seconds=0)
    with counting_server() as server, Caller(transport, server.base_url, connecting) as caller:
        assert [caller.call() for _ in range(2)] == [200] * 2
        assert server.calls == [0, 1]
        assert server.closed[0].wait(SECONDS)


@ALL
def test_an_error_response_keeps_its_connection(transport: str) -> None:
    def error_first(server: CountingServer) -> bytes:
        return response(status="404 Not Found") if len(server.calls) == 1 else response()

    with counting_server(error_first) as server, Caller(transport, server.base_url) as caller:
        with pytest.raises(Exception, match="404"):
            caller.call()
        assert caller.call() == 200
        assert server.calls == [0, 0]


@ALL
def test_a_call_that_times_out_closes_its_connection(transport: str) -> None:
    """Otherwise the next call would receive its response."""
    release = threading.Event()

    def late_first(server: CountingServer) -> bytes:
        if len(server.calls) == 1:
            release.wait(SECONDS)
        return response()

    with counting_server(late_first) as server, Caller(transport, server.base_url, timeout=0.2) as caller:
        with pytest.raises(CallTimeoutError) as failed:
            caller.call()
        assert failed.value.sent
        release.set()
        assert caller.call() == 200
        assert server.calls == [0, 1]


@ALL
def test_a_closed_client_closes_its_connections_and_can_call_again(transport: str) -> None:
    with counting_server() as server, Caller(transport, server.base_url) as caller:
        caller.call()
        caller.close()
        assert server.closed[0].wait(SECONDS)
        assert caller.call() == 200
        assert server.calls == [0, 1]


def test_a_client_that_is_closed_during_a_call_closes_its_connection_afterwards() -> None:
    received, closed = threading.Event(), threading.Event()

    def late(_: CountingServer) -> bytes:
        received.set()
        closed.wait(SECONDS)
        return response()

    with counting_server(late) as server, Caller("http1", server.base_url) as caller, ThreadPoolExecutor() as threads:
        call = threads.submit(caller.call)
        assert received.wait(SECONDS)
        caller.close()
        closed.set()
        assert call.result() == 200
        assert server.closed[0].wait(SECONDS)


def test_a_client_that_is_collected_in_a_reference_cycle_closes_its_connection_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    with counting_server() as server:
        for _ in range(20):
            vault = Client(**client_options(server.base_url))
            vault.fetch_instrument(*IDS)
            cycle = [vault]
            cycle.append(cycle)  # type: ignore[arg-type]
            del vault, cycle
        gc.collect()
        assert [closed.wait(SECONDS) for closed in server.closed] == [True] * 20
    assert not recwarn.list


def test_a_dropped_client_closes_its_connection_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    with counting_server() as server:
        Client(**client_options(server.base_url)).fetch_instrument(*IDS)
        assert server.closed[0].wait(SECONDS)
    assert not recwarn.list


@LOOPS
def test_a_dropped_async_client_closes_its_connection_while_its_loop_runs(run: Any) -> None:
    async def scenario(server: CountingServer) -> bool:
        await AsyncClient(**client_options(server.base_url)).fetch_instrument(*IDS)
        gc.collect()
        return await asyncio.to_thread(server.closed[0].wait, SECONDS)

    with counting_server() as server:
        assert run(scenario(server))


@LOOPS
def test_a_closed_connection_is_not_used_before_the_loop_reports_its_end(run: Any) -> None:
    async def scenario(server: CountingServer) -> list[int]:
        async with AsyncClient(**ClientOptions(**client_options(server.base_url) | {"max_retries": 0})) as vault:
            for iterations in range(4):
                await vault.fetch_instrument(*IDS)
                server.close_connections()
                for _ in range(iterations):
                    await asyncio.sleep(0)
            await vault.fetch_instrument(*IDS)
        return server.calls

    with counting_server() as server:
        assert run(scenario(server)) == [0, 1, 2, 3, 4]


@ALL
def test_failed_calls_release_their_connections(transport: str) -> None:
    with counting_server(lambda _: b"garbage") as server:
        connecting = Connecting(connect_seconds=0.5, max_connections=2)
        with Caller(transport, server.base_url, connecting) as caller:
            for _ in range(5):
                with pytest.raises(TransportError, match="not HTTP"):
                    caller.call()


@LOOPS
def test_a_cancelled_task_closes_its_connection(run: Any) -> None:
    received, release = threading.Event(), threading.Event()

    def late_first(server: CountingServer) -> bytes:
        if len(server.calls) == 1:
            received.set()
            release.wait(SECONDS)
        return response()

    async def scenario(server: CountingServer) -> list[int]:
        async with AsyncClient(**client_options(server.base_url), max_connections=1) as vault:
            first = asyncio.create_task(vault.fetch_instrument(*IDS))
            await asyncio.to_thread(received.wait, SECONDS)
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first
            release.set()
            await vault.fetch_instrument(*IDS)
        return server.calls

    with counting_server(late_first) as server:
        assert run(scenario(server)) == [0, 1]


@LOOPS
def test_a_client_works_in_one_event_loop_after_another(run: Any) -> None:
    with counting_server() as server:
        vault = AsyncClient(**client_options(server.base_url))

        async def call_and_close() -> int:
            answer = await vault.fetch_instrument(*IDS)
            await vault.close()
            return answer.status

        assert [run(call_and_close()) for _ in range(3)] == [200] * 3


def test_threads_with_their_own_event_loops_share_a_client() -> None:
    with counting_server() as server:
        vault = AsyncClient(**client_options(server.base_url))
        statuses: list[int] = []

        async def calls() -> None:
            async with vault:
                statuses.extend([(await vault.fetch_instrument(*IDS)).status for _ in range(5)])

        callers = [threading.Thread(target=lambda: asyncio.run(calls())) for _ in range(5)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert statuses == [200] * 25


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_an_origin_has_host_port_and_host_header(text: str, expected: tuple[str, int, str, bool]) -> None:
    assert addresses.parse_origin(text) == expected


def test_a_numeric_address_needs_no_name_server() -> None:
    assert addresses.numeric_addresses(addresses.parse_origin("http://127.0.0.1:81")) == [("127.0.0.1", 81)]
    assert addresses.numeric_addresses(addresses.parse_origin("http://[::1]:81")) == [("::1", 81)]
    assert addresses.numeric_addresses(addresses.parse_origin("http://localhost:81")) == ()
