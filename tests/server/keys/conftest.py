from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.keys.fakes import MemoryTable
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.providers.file import FileKek, create_key_file


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    create_key_file(path)
    return path


@pytest.fixture
def kek(key_file: Path) -> FileKek:
    return FileKek(key_file)


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def keyring(kek: FileKek, table: MemoryTable) -> Keyring:
    return Keyring(kek, table, "vlt_1")
