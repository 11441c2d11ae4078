"""A keyring unwraps each key once, checks it, returns the active one, and drops what changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server.keys.fakes import MATERIAL, NOW, MemoryTable, a_key, numbered
from tests.support.key_providers import BlockingKek
from tokenvault_server.domain.keys import KeyChange, KeyState, Purpose, WrappedKey
from tokenvault_server.errors import KeyProviderError, KeyUnavailableError
from tokenvault_server.keys.keyring import SEALING, Keyring, check_value
from tokenvault_server.keys.providers.file import FileKek, create_key_file


async def made(keyring: Keyring, key_id: int = 1, *, purpose: Purpose = Purpose.RECORD, version: int = 1) -> WrappedKey:
    return numbered(key_id, await keyring.make(purpose, "mer_1", version=version, now=NOW))


async def test_a_made_key_comes_back_active(keyring: Keyring, table: MemoryTable) -> None:
    row = table.add(numbered(3, await keyring.make(Purpose.PAR, "", now=NOW, material=MATERIAL)))
    key = await keyring.active(Purpose.PAR)
    assert (key.key_id, key.purpose, key.owner, key.version, key.state) == (3, Purpose.PAR, "", 1, KeyState.ACTIVE)
    assert key.material.reveal() == MATERIAL
    assert (row.state, row.epoch, row.created_at) == (KeyState.ACTIVE, "1", NOW)


async def test_a_wrapped_key_does_not_show_its_material(keyring: Keyring) -> None:
    key = await keyring.make(Purpose.RECORD, "mer_1", now=NOW, material=MATERIAL)
    assert MATERIAL not in key.wrapped


@pytest.mark.parametrize("length", [16, 24, 32])
async def test_a_key_is_random_and_as_long_as_asked(keyring: Keyring, table: MemoryTable, length: int) -> None:
    for key_id in (1, 2):
        table.add(numbered(key_id, await keyring.make(Purpose.ISSUER_MASTER, "visa", now=NOW, length=length)))
    first, second = [(await keyring.by_id(key_id)).material.reveal() for key_id in (1, 2)]
    assert len(first) == len(second) == length
    assert first != second


async def test_the_newest_active_version_is_the_active_key(keyring: Keyring, table: MemoryTable) -> None:
    for version in (2, 3, 1):
        table.add(await made(keyring, version, version=version))
    table.add(replace(await made(keyring, 4, version=4), state=KeyState.DECRYPT_ONLY))
    assert (await keyring.active(Purpose.RECORD, "mer_1")).version == 3


async def test_keys_of_another_owner_or_purpose_are_not_given(keyring: Keyring, table: MemoryTable) -> None:
    table.add(await made(keyring))
    for purpose, owner in ((Purpose.RECORD, "mer_2"), (Purpose.INDEX, "mer_1")):
        with pytest.raises(KeyUnavailableError) as caught:
            await keyring.active(purpose, owner)
        assert "tokenvault init" in caught.value.hint


async def test_a_key_is_fetched_and_unwrapped_once(keyring: Keyring, table: MemoryTable) -> None:
    table.add(await made(keyring))
    keys = [(await keyring.active(Purpose.RECORD, "mer_1")) for _ in range(3)]
    keys += [(await keyring.by_id(1)) for _ in range(3)]
    assert table.asked == 1
    assert all(key is keys[0] for key in keys)


async def test_peek_returns_a_key_in_memory_and_never_asks_the_table(keyring: Keyring, table: MemoryTable) -> None:
    table.add(await made(keyring))
    assert keyring.peek(1) is None
    key = await keyring.by_id(1)
    assert keyring.peek(1) is key
    assert table.asked == 1


async def test_a_key_that_another_process_made_is_found(keyring: Keyring, table: MemoryTable) -> None:
    with pytest.raises(KeyUnavailableError):
        await keyring.by_id(1)
    table.add(await made(keyring))
    assert (await keyring.by_id(1)).key_id == 1


async def test_a_retired_key_is_given_by_its_id(keyring: Keyring, table: MemoryTable) -> None:
    table.add(replace(await made(keyring), state=KeyState.DECRYPT_ONLY))
    assert (await keyring.by_id(1)).state is KeyState.DECRYPT_ONLY
    with pytest.raises(KeyUnavailableError):
        await keyring.active(Purpose.RECORD, "mer_1")


async def test_a_destroyed_key_is_gone(keyring: Keyring, table: MemoryTable) -> None:
    table.add(replace(await made(keyring), state=KeyState.DESTROYED, wrapped=b""))
    with pytest.raises(KeyUnavailableError) as caught:
        await keyring.by_id(1)
    assert "destroyed" in caught.value.hint


async def test_a_cleared_keyring_asks_the_table_again(keyring: Keyring, table: MemoryTable) -> None:
    table.add(await made(keyring))
    await keyring.active(Purpose.RECORD, "mer_1")
    table.add(await made(keyring, 2, version=2))
    keyring.clear()
    assert keyring.peek(1) is None
    assert (await keyring.active(Purpose.RECORD, "mer_1")).key_id == 2


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "active"])
async def test_a_key_that_was_fetched_before_a_clear_is_not_kept_after_it(
    keyring: Keyring, table: MemoryTable, *, by_id: bool
) -> None:
    table.add(await made(keyring))

    async def clear_in_between() -> None:
        table.gate = asyncio.Event()
        fetch = asyncio.create_task(keyring.by_id(1) if by_id else keyring.active(Purpose.RECORD, "mer_1"))
        await asyncio.sleep(0)
        keyring.clear()
        table.gate.set()
        assert (await fetch).key_id == 1

    await clear_in_between()
    assert keyring.peek(1) is None


async def test_the_key_used_longest_ago_makes_room(kek: FileKek, table: MemoryTable) -> None:
    keyring = Keyring(kek, table, "vlt_1", capacity=2)
    for key_id, purpose in ((1, Purpose.RECORD), (2, Purpose.INDEX), (3, Purpose.INSTRUMENT_UID)):
        table.add(await made(keyring, key_id, purpose=purpose))
    await keyring.active(Purpose.RECORD, "mer_1")
    await keyring.active(Purpose.INDEX, "mer_1")
    assert keyring.peek(1)
    await keyring.by_id(3)
    assert [keyring.peek(key_id) is not None for key_id in (1, 2, 3)] == [True, False, True]
    assert (await keyring.active(Purpose.INDEX, "mer_1")).key_id == 2


async def test_a_retired_key_that_makes_room_leaves_the_active_one_alone(kek: FileKek, table: MemoryTable) -> None:
    keyring = Keyring(kek, table, "vlt_1", capacity=2)
    table.add(replace(await made(keyring), state=KeyState.DECRYPT_ONLY))
    for version in (2, 3):
        table.add(await made(keyring, version, version=version))
    await keyring.by_id(1)
    active = await keyring.active(Purpose.RECORD, "mer_1")
    await keyring.by_id(2)
    assert keyring.peek(1) is None
    assert (await keyring.active(Purpose.RECORD, "mer_1")) is active


async def test_a_keyring_keeps_one_key_at_least(kek: FileKek, table: MemoryTable) -> None:
    keyring = Keyring(kek, table, "vlt_1", capacity=0)
    table.add(await made(keyring))
    assert (await keyring.active(Purpose.RECORD, "mer_1")) is (await keyring.active(Purpose.RECORD, "mer_1"))


@pytest.mark.parametrize(
    "change", [{"purpose": Purpose.CARD}, {"owner": "mer_2"}, {"version": 2}], ids=["purpose", "owner", "version"]
)
async def test_a_row_that_was_relabelled_does_not_unwrap(
    keyring: Keyring, table: MemoryTable, change: dict[str, object]
) -> None:
    table.add(replace(await made(keyring), **change))  # type: ignore[arg-type]  # one field of several types
    with pytest.raises(KeyUnavailableError):
        await keyring.by_id(1)


async def test_a_key_of_another_vault_does_not_unwrap(kek: FileKek, table: MemoryTable) -> None:
    table.add(await made(Keyring(kek, table, "vlt_1")))
    with pytest.raises(KeyUnavailableError):
        await Keyring(kek, table, "vlt_2").by_id(1)


async def test_a_key_does_not_unwrap_under_another_key_file(
    tmp_path: Path, keyring: Keyring, table: MemoryTable
) -> None:
    table.add(await made(keyring))
    create_key_file(tmp_path / "other.key")
    with pytest.raises(KeyUnavailableError) as caught:
        await Keyring(FileKek(tmp_path / "other.key"), table, "vlt_1").by_id(1)
    assert "another master key" in caught.value.hint


async def test_a_key_that_fails_its_check_value_is_refused(keyring: Keyring, table: MemoryTable) -> None:
    table.add(replace(await made(keyring), check_value=b"\x00\x00\x00"))
    with pytest.raises(KeyUnavailableError) as caught:
        await keyring.by_id(1)
    assert "check value" in caught.value.hint
    assert keyring.peek(1) is None


def test_a_check_value_is_three_bytes_and_depends_on_the_key() -> None:
    assert len(check_value(MATERIAL)) == 3
    assert check_value(MATERIAL) != check_value(bytes(32))


@pytest.mark.parametrize("length", [1, 31, 33, 1218])
def test_material_of_any_size_has_a_check_value(length: int) -> None:
    assert len(check_value(bytes(length))) == 3
    assert check_value(bytes(length)) != check_value(bytes(length + 1))


@pytest.mark.parametrize("purpose", Purpose)
def test_only_sealing_keys_have_a_cipher(purpose: Purpose) -> None:
    assert (a_key(purpose).aead is not None) == (purpose in SEALING)


def test_a_key_gives_its_material_for_its_own_purpose_only() -> None:
    assert a_key(Purpose.PAR).material_for(Purpose.PAR, Purpose.INDEX) == MATERIAL
    with pytest.raises(KeyUnavailableError) as caught:
        a_key(Purpose.PAR).material_for(Purpose.INDEX, Purpose.AUDIT)
    assert caught.value.hint == "key 7 serves 'par', not 'index' or 'audit'"


async def test_a_retired_key_is_unwrapped_anew_and_no_longer_active(keyring: Keyring, table: MemoryTable) -> None:
    row = table.add(await made(keyring))
    await keyring.active(Purpose.RECORD, "mer_1")
    table.add(replace(row, state=KeyState.DECRYPT_ONLY))
    keyring.apply_change(KeyChange(1, Purpose.RECORD, "mer_1", KeyState.DECRYPT_ONLY))
    assert keyring.peek(1) is None
    with pytest.raises(KeyUnavailableError):
        await keyring.active(Purpose.RECORD, "mer_1")


async def test_a_change_of_one_key_leaves_the_others_in_memory(keyring: Keyring, table: MemoryTable) -> None:
    for key_id, owner in ((1, "mer_1"), (2, "mer_2")):
        table.add(numbered(key_id, await keyring.make(Purpose.RECORD, owner, now=NOW)))
        await keyring.active(Purpose.RECORD, owner)
    keyring.apply_change(KeyChange(1, Purpose.RECORD, "mer_1", KeyState.DESTROYED))
    assert keyring.peek(1) is None
    assert keyring.peek(2) is not None


async def test_callers_that_miss_one_key_at_once_share_one_unwrap(kek: FileKek, table: MemoryTable) -> None:
    blocking = BlockingKek(kek)
    keyring = Keyring(blocking, table, "vlt_1")
    table.add(await made(keyring))
    blocking.block()
    fetches = [asyncio.create_task(keyring.by_id(1)), asyncio.create_task(keyring.by_id(1))]
    fetches.append(asyncio.create_task(keyring.active(Purpose.RECORD, "mer_1")))
    await blocking.waiting()
    blocking.release()
    first, second, active = await asyncio.gather(*fetches)
    assert first is second is active
    assert blocking.unwrapped == 1


async def test_a_slow_unwrap_keeps_no_other_key_waiting(kek: FileKek, table: MemoryTable) -> None:
    blocking = BlockingKek(kek)
    keyring = Keyring(blocking, table, "vlt_1")
    table.add(await made(keyring))
    table.add(numbered(2, await keyring.make(Purpose.RECORD, "mer_2", now=NOW)))
    blocking.block("mer_1")
    slow = asyncio.create_task(keyring.by_id(1))
    await blocking.waiting()
    assert (await keyring.by_id(2)).owner == "mer_2"
    assert not slow.done()
    blocking.release()
    assert (await slow).owner == "mer_1"


async def test_a_cancelled_caller_does_not_cancel_the_unwrap_for_others(kek: FileKek, table: MemoryTable) -> None:
    blocking = BlockingKek(kek)
    keyring = Keyring(blocking, table, "vlt_1")
    table.add(await made(keyring))
    blocking.block()
    cancelled, patient = asyncio.create_task(keyring.by_id(1)), asyncio.create_task(keyring.by_id(1))
    await blocking.waiting()
    cancelled.cancel()
    blocking.release()
    assert (await patient).key_id == 1
    assert blocking.unwrapped == 1


async def test_a_failed_unwrap_fails_all_that_wait_and_is_tried_again(kek: FileKek, table: MemoryTable) -> None:
    blocking = BlockingKek(kek)
    keyring = Keyring(blocking, table, "vlt_1")
    table.add(await made(keyring))
    blocking.block()
    blocking.failure = KeyProviderError(hint="away")
    fetches = [asyncio.create_task(keyring.by_id(1)) for _ in range(2)]
    await blocking.waiting()
    blocking.release()
    assert [type(each) for each in await asyncio.gather(*fetches, return_exceptions=True)] == [KeyProviderError] * 2
    blocking.failure = None
    assert (await keyring.by_id(1)).key_id == 1


@pytest.mark.parametrize("state", [KeyState.DESTROYED, KeyState.DECRYPT_ONLY])
async def test_a_key_that_ended_while_it_was_unwrapped_is_not_given_as_it_was(
    kek: FileKek, table: MemoryTable, state: KeyState
) -> None:
    blocking = BlockingKek(kek)
    keyring = Keyring(blocking, table, "vlt_1")
    row = table.add(await made(keyring))
    blocking.block()
    fetch = asyncio.create_task(keyring.by_id(1))
    await blocking.waiting()
    table.add(replace(row, state=state))
    keyring.apply_change(KeyChange(1, Purpose.RECORD, "mer_1", state))
    blocking.release()
    if state is KeyState.DESTROYED:
        with pytest.raises(KeyUnavailableError):
            await fetch
    else:
        assert (await fetch).state is KeyState.DECRYPT_ONLY
    assert keyring.peek(1) is None


async def test_a_key_that_was_replaced_while_it_was_unwrapped_is_not_the_active_one(
    kek: FileKek, table: MemoryTable
) -> None:
    blocking = BlockingKek(kek)
    keyring = Keyring(blocking, table, "vlt_1")
    row, newer = table.add(await made(keyring)), await made(keyring, 2, version=2)
    blocking.block()
    fetch = asyncio.create_task(keyring.active(Purpose.RECORD, "mer_1"))
    await blocking.waiting()
    table.add(replace(row, state=KeyState.DECRYPT_ONLY))
    table.add(newer)
    keyring.apply_change(KeyChange(2, Purpose.RECORD, "mer_1", KeyState.ACTIVE))
    blocking.release()
    assert (await fetch).version == 2
