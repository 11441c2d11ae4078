"""A key file: made once, for one user's eyes, several versions in it, and every way it can be wrong has a hint."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.keys.fakes import MATERIAL
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyProviderError, KeyUnavailableError
from tokenvault_server.keys.kek import KeyContext
from tokenvault_server.keys.providers.file import FileKek, create_key_file

CONTEXT = KeyContext("vlt_1", Purpose.RECORD, "mer_1", 1)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="access lists are stored differently elsewhere")
FIRST, SECOND = "11" * 32, "22" * 32


def write(path: Path, document: object, mode: int = 0o600) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    path.chmod(mode)
    return path


def a_document(current: int = 1, **keys: str) -> dict[str, Any]:
    return {"format": 1, "current": current, "keys": {name.removeprefix("v"): key for name, key in keys.items()}}


@contextmanager
def no_room_for_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def share(path: Path, *entries: tuple[int, int, int]) -> Path:
    """Give a file an access list: its owner may read, and each entry is a tag, the rights, and a user or group."""
    nobody, user_object, mask, other = 0xFFFFFFFF, 0x01, 0x10, 0x20
    listed = sorted([(user_object, 4, nobody), *entries, (mask, 4, nobody), (other, 0, nobody)])
    packed = b"".join(struct.pack("<HHI", *entry) for entry in listed)
    os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    assert path.stat().st_mode & 0o777 == 0o440
    return path


async def test_what_a_key_file_wraps_it_unwraps(kek: FileKek) -> None:
    assert await kek.unwrap(await kek.wrap(MATERIAL, CONTEXT), CONTEXT) == MATERIAL


def test_a_new_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key_file(tmp_path / "master.key")
    finally:
        os.umask(before)
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_two_key_files_hold_two_keys(tmp_path: Path) -> None:
    for name in ("one", "two"):
        create_key_file(tmp_path / name)
    assert (tmp_path / "one").read_text() != (tmp_path / "two").read_text()


def test_a_key_file_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(KeyProviderError) as caught:
        create_key_file(key_file)
    assert "exists already" in caught.value.hint
    assert key_file.read_bytes() == before


def test_a_key_file_does_not_follow_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyProviderError):
        create_key_file(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyProviderError) as caught:
        create_key_file(tmp_path / "none" / "master.key")
    assert "No such file" in caught.value.hint


def test_a_full_disk_leaves_no_half_a_key_file(tmp_path: Path) -> None:
    with no_room_for_files(), pytest.raises(KeyProviderError) as caught:
        create_key_file(tmp_path / "master.key")
    assert "cannot be made" in caught.value.hint
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o610, 0o644, 0o777])
def test_a_key_file_that_others_can_use_is_refused_with_the_remedy(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(KeyProviderError) as caught:
        FileKek(key_file)
    assert f"chmod 600 {key_file}" in caught.value.hint


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_key_file_for_its_owner_is_read(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    asyncio.run(FileKek(key_file).health())


def test_a_key_file_may_be_a_link_as_secret_mounts_make_them(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "link").symlink_to(key_file)
    assert FileKek(tmp_path / "link").uri == f"file:{tmp_path / 'link'}"


def test_a_missing_key_file_points_to_its_backup_and_to_no_new_key(tmp_path: Path) -> None:
    with pytest.raises(KeyProviderError) as caught:
        FileKek(tmp_path / "none.key")
    assert "restore it from its backup" in caught.value.hint
    assert "init" not in caught.value.hint


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyProviderError) as caught:
        FileKek(tmp_path)
    assert "cannot be read" in caught.value.hint


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("", id="empty"),
        pytest.param(FIRST, id="a bare key"),
        pytest.param('{"format": 1, "current": 1, "keys": {"1": "' + FIRST, id="cut"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param([], id="a list"),
        pytest.param({**a_document(v1=FIRST), "format": 2}, id="a later format"),
        pytest.param(a_document(2, v1=FIRST), id="no current key"),
        pytest.param({**a_document(v1=FIRST), "current": "1"}, id="current is text"),
        pytest.param({**a_document(v1=FIRST), "current": True}, id="current is true"),
        pytest.param(a_document(v1=FIRST[:-2]), id="a short key"),
        pytest.param(a_document(v1=FIRST.replace("1", "g")), id="not hex"),
        pytest.param({**a_document(), "keys": {"1": int(FIRST)}}, id="a number"),
        pytest.param(a_document(v1=FIRST, v01=SECOND), id="a version with a leading zero"),
        pytest.param(a_document(v1=FIRST, v4294967296=SECOND), id="a version of five bytes"),
    ],
)
def test_a_file_that_is_not_a_key_file_is_refused_and_not_shown(tmp_path: Path, document: object) -> None:
    path = write(tmp_path / "master.key", document)
    with pytest.raises(KeyProviderError) as caught:
        FileKek(path)
    assert "format 1" in caught.value.hint
    assert caught.value.__context__ is None  # an exception of the parser would carry the text
    assert FIRST[:8] not in f"{caught.value!r} {caught.value.hint}"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(b"\xff\xfe\x00\x01")
    path.chmod(0o600)
    with pytest.raises(KeyProviderError):
        FileKek(path)


async def test_the_current_version_wraps_and_every_version_unwraps(tmp_path: Path) -> None:
    path = write(tmp_path / "master.key", a_document(1, v1=FIRST))
    old = FileKek(path)
    wrapped = await old.wrap(MATERIAL, CONTEXT)
    new = FileKek(write(path, a_document(2, v1=FIRST, v2=SECOND)))
    assert (old.epoch, new.epoch) == ("1", "2")
    assert await new.unwrap(wrapped, CONTEXT) == MATERIAL
    assert (await new.wrap(MATERIAL, CONTEXT))[:5].hex() == "0100000002"


async def test_a_key_wrapped_by_a_removed_version_does_not_unwrap(tmp_path: Path) -> None:
    path = write(tmp_path / "master.key", a_document(1, v1=FIRST))
    wrapped = await FileKek(path).wrap(MATERIAL, CONTEXT)
    with pytest.raises(KeyUnavailableError) as caught:
        await FileKek(write(path, a_document(2, v2=SECOND))).unwrap(wrapped, CONTEXT)
    assert "not here" in caught.value.hint


async def test_the_same_key_under_another_version_does_not_pass_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "master.key", a_document(1, v1=FIRST))
    wrapped = await FileKek(path).wrap(MATERIAL, CONTEXT)
    with pytest.raises(KeyUnavailableError):
        await FileKek(write(path, a_document(1, v1=SECOND))).unwrap(wrapped, CONTEXT)


async def test_two_wraps_of_one_key_share_no_nonce(kek: FileKek) -> None:
    assert len({(await kek.wrap(MATERIAL, CONTEXT))[5:17] for _ in range(1000)}) == 1000


def test_health_notices_that_the_file_is_gone(kek: FileKek, key_file: Path) -> None:
    asyncio.run(kek.health())
    key_file.unlink()
    with pytest.raises(KeyProviderError):
        asyncio.run(kek.health())


async def test_a_newer_version_beside_the_one_in_use_is_no_failure(tmp_path: Path) -> None:
    kek = FileKek(write(tmp_path / "master.key", a_document(1, v1=FIRST)))
    write(tmp_path / "master.key", a_document(2, v1=FIRST, v2=SECOND))
    await kek.health()


async def test_health_notices_that_the_version_in_use_is_gone(tmp_path: Path) -> None:
    kek = FileKek(write(tmp_path / "master.key", a_document(1, v1=FIRST)))
    write(tmp_path / "master.key", a_document(2, v2=SECOND))
    with pytest.raises(KeyProviderError) as caught:
        await kek.health()
    assert "no longer has version 1" in caught.value.hint


USER, GROUP_OBJECT, GROUP, NOBODY = 0x02, 0x04, 0x08, 0xFFFFFFFF


@LINUX
def test_a_credential_that_systemd_shares_with_this_user_alone_is_accepted(tmp_path: Path) -> None:
    path = write(tmp_path / "master.key", a_document(v1=FIRST))
    assert FileKek(share(path, (USER, 4, os.geteuid()), (GROUP_OBJECT, 0, NOBODY))).epoch == "1"


@LINUX
@pytest.mark.parametrize(
    "entries",
    [
        [(USER, 4, 12345), (GROUP_OBJECT, 0, NOBODY)],
        [(GROUP_OBJECT, 4, NOBODY)],
        [(GROUP_OBJECT, 0, NOBODY), (GROUP, 4, 7)],
    ],
    ids=["another user", "the group", "another group"],
)
def test_a_key_file_whose_access_list_names_others_is_refused(
    tmp_path: Path, entries: list[tuple[int, int, int]]
) -> None:
    path = write(tmp_path / "master.key", a_document(v1=FIRST))
    with pytest.raises(KeyProviderError) as refused:
        FileKek(share(path, *entries))
    assert "open to other users" in str(refused.value.hint)
