"""An emulator inside a process: started, stopped, several at once, from async code."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.embedded import save, saved
from tests.support.memory import folder_in_memory
from tokenvault_client import Client
from tokenvault_server.embedded import Emulator
from tokenvault_server.errors import SettingsError


def test_our_client_talks_to_it() -> None:
    with Emulator() as emulator:
        saved(emulator)
        with Client(
            base_url=emulator.base_url, client_id=emulator.client_id, client_secret=emulator.client_secret
        ) as client:
            (card,) = client.fetch_instruments("asha").data
            assert client.fetch_cryptogram("asha", card.instrument_id).data.card_display == "2123"


def test_several_run_in_one_process_and_know_nothing_of_each_other() -> None:
    with Emulator() as one, Emulator(seed=1) as other:
        saved(one)
        assert other.cards.list() == []
        assert one.base_url != other.base_url


async def test_it_starts_and_stops_without_blocking_an_event_loop() -> None:
    async with Emulator() as emulator:
        assert (await asyncio.to_thread(save, emulator)).status == 201
        assert len(emulator.cards.list()) == 1


def test_it_leaves_nothing_behind() -> None:
    before = left_behind()
    with Emulator() as emulator:
        saved(emulator)
    assert left_behind() == before


def test_what_it_keeps_in_a_directory_is_there_again(tmp_path: Path) -> None:
    with Emulator(data=tmp_path) as emulator:
        instrument_id, client_id = saved(emulator), emulator.client_id
    with Emulator(data=tmp_path) as again:
        assert [card.instrument_id for card in again.cards.list()] == [instrument_id]
        assert again.client_id == client_id


def test_the_demo_card_is_saved_on_request() -> None:
    with Emulator(seed="demo") as emulator:
        assert [card.customer_id for card in emulator.cards.list()] == ["demo_customer"]


def test_a_port_that_is_taken_is_an_error_of_the_caller() -> None:
    with Emulator() as emulator, pytest.raises(SettingsError, match="cannot listen"):
        Emulator(port=int(emulator.base_url.rpartition(":")[2].removesuffix("/pg"))).start()


def test_it_is_started_once_and_steered_while_it_runs() -> None:
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        emulator.reset()
    assert repr(emulator) == "Emulator(not started)"
    with emulator, pytest.raises(RuntimeError, match="runs already"):
        emulator.start()
    with emulator:
        emulator.reset()
        assert emulator.client_secret not in repr(emulator)
    emulator.stop()


def test_it_is_steered_from_any_thread() -> None:
    with Emulator() as emulator:
        threads = [threading.Thread(target=emulator.reset) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert saved(emulator)


def test_serve_loads_nothing_that_can_steer_a_vault() -> None:
    program = "import sys, tokenvault_server.serving.supervisor, tokenvault_server.serving.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "tokenvault_server.bootstrap.api" in loaded
    steering = ("tokenvault_server.emulator", "tokenvault_server.embedded", "tokenvault_server.bootstrap.emulator")
    assert [name for name in loaded if name.startswith(steering)] == []


def left_behind() -> set[str]:
    return {path.name for path in Path(folder_in_memory() or "/tmp").glob("tokenvault-emulator-*")}
