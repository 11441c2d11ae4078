"""Processes that serve one store: who is alone begins a new generation, and the claims of earlier ones are free."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Api, open_vault
from tokenvault_server.bootstrap.generations import Generation, join_generation
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import IdempotencyMismatchError, RequestInProgressError
from tokenvault_server.settings import Settings
from tokenvault_server.vault.idempotency import IdempotencyClaim, IdempotencyKeys

ME = MerchantId("mer_1")


def joined(database: Path) -> Generation:
    generation = join_generation(database)
    assert generation
    return generation


def test_every_process_that_is_alone_begins_a_generation(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        alone = joined(tmp_path / "vault.db")
        assert alone.number == number
        alone.leave()


def test_processes_that_live_together_are_of_one_generation(tmp_path: Path) -> None:
    first = joined(tmp_path / "vault.db")
    second = joined(tmp_path / "vault.db")
    first.leave()
    third = joined(tmp_path / "vault.db")
    assert (first.number, second.number, third.number) == (1, 1, 1)
    second.leave()
    third.leave()
    assert joined(tmp_path / "vault.db").number == 2


def test_the_file_is_private_and_is_not_inherited(tmp_path: Path) -> None:
    generation = joined(tmp_path / "vault.db")
    file = tmp_path / "vault.db-generation"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (descriptor,) = (int(each.name) for each in os.scandir("/proc/self/fd") if os.path.realpath(each) == str(file))
    assert not os.get_inheritable(descriptor)
    generation.leave()


@pytest.mark.parametrize("content", ["", "no number", "-1", "²", "9" * 30])
def test_a_file_with_other_content_is_no_failure(tmp_path: Path, content: str) -> None:
    (tmp_path / "vault.db-generation").write_text(content)
    assert joined(tmp_path / "vault.db").number >= 1


def test_a_folder_that_cannot_be_written_has_no_generations(tmp_path: Path) -> None:
    assert join_generation(tmp_path / "missing" / "vault.db") is None


async def claimed_by_a_process(settings: Settings, clock: SettableClock, generation: int) -> None:
    """Claim the key `k` in a process that then dies."""
    vault = await open_vault(settings, clock)
    vault.idempotency_keys.join(generation)
    assert isinstance(await vault.idempotency_keys.claim(ME, "k", b"call"), IdempotencyClaim)
    await vault.close()


async def claim_anew(keys: IdempotencyKeys, generation: int | None, call: bytes = b"call") -> object:
    if generation is not None:
        keys.join(generation)
    return await keys.claim(ME, "k", call)


async def test_a_claim_of_an_earlier_generation_is_taken_over_at_once(settings: Settings, clock: SettableClock) -> None:
    vault = await open_vault(settings, clock, initialise=True)
    await claimed_by_a_process(settings, clock, 9)
    with pytest.raises(IdempotencyMismatchError):
        await claim_anew(vault.idempotency_keys, 10, b"another call")
    assert isinstance(await claim_anew(vault.idempotency_keys, 10), IdempotencyClaim)
    with pytest.raises(RequestInProgressError):  # this process lives
        await claim_anew(vault.idempotency_keys, 10)
    await vault.close()


@pytest.mark.parametrize("generation", [None, 8, 9])
async def test_a_claim_of_a_process_that_may_live_is_kept(
    settings: Settings, clock: SettableClock, generation: int | None
) -> None:
    vault = await open_vault(settings, clock, initialise=True)
    await claimed_by_a_process(settings, clock, 9)
    with pytest.raises(RequestInProgressError):
        await claim_anew(vault.idempotency_keys, generation)
    await vault.close()


async def test_a_claim_of_an_older_version_is_kept(settings: Settings, clock: SettableClock) -> None:
    vault = await open_vault(settings, clock, initialise=True)
    assert isinstance(await vault.idempotency_keys.claim(ME, "k", b"call"), IdempotencyClaim)
    with pytest.raises(RequestInProgressError):
        await claim_anew(vault.idempotency_keys, 10)
    await vault.close()


async def test_an_api_that_stopped_has_left_its_generation(settings: Settings, clock: SettableClock) -> None:
    vault = await open_vault(settings, clock, initialise=True)
    database = Path(settings.store.removeprefix("sqlite:///"))
    api = Api(settings, vault)
    await api.start()
    beside = joined(database)
    await api.stop()
    beside.leave()
    after = joined(database)
    assert (beside.number, after.number) == (1, 2)
    after.leave()
    await vault.close()
