"""No key, passphrase or master key shows in what Python prints of the objects that hold them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from tests.server.keys.fakes import MATERIAL, MemoryTable, a_key
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.providers.file import FileKek, create_key_file
from tokenvault_server.keys.providers.passphrase import PassphraseKek

PASSPHRASE = "correct horse battery staple"


def holders(folder: Path) -> list[object]:
    create_key_file(folder / "master.key")
    kek = FileKek(folder / "master.key")
    key, passphrase = a_key(), PassphraseKek(Secret(PASSPHRASE))
    return [key, a_key(Purpose.AUDIT), key.material, key.aead, kek, passphrase, Keyring(kek, MemoryTable(), "vlt_1")]


def test_nothing_that_holds_a_secret_prints_it(tmp_path: Path) -> None:
    printed = " ".join(f"{holder!r} {holder} {holder!s:>5}" for holder in holders(tmp_path))
    master = (tmp_path / "master.key").read_text().split('"1": "')[1][:64]
    assert master not in printed
    assert PASSPHRASE not in printed
    assert MATERIAL.hex() not in printed
    assert repr(MATERIAL)[2:-1] not in printed


def test_a_key_says_which_one_it_is() -> None:
    assert repr(a_key()) == "Key(7, record, 'mer_1', version=1, active)"


def test_a_provider_says_where_it_is(tmp_path: Path) -> None:
    create_key_file(tmp_path / "master.key")
    assert repr(FileKek(tmp_path / "master.key")) == f"FileKek('file:{tmp_path}/master.key', epoch='1')"


def test_a_key_is_neither_pickled_nor_copied() -> None:
    for purpose in (Purpose.RECORD, Purpose.INDEX):
        with pytest.raises(TypeError):
            pickle.dumps(a_key(purpose))
        with pytest.raises(TypeError):
            copy.deepcopy(a_key(purpose))
