"""The age format: its errors are ours, and a failing disk is never a finished file."""

from __future__ import annotations

import io

import pytest

from tests.support.databases import SQLITE
from tokenvault_server.backups.age import Identity, check_recipient, encrypt, new_identity
from tokenvault_server.errors import SettingsError

pytestmark = pytest.mark.parametrize("store_kind", [SQLITE])


class FullDisk(io.BytesIO):
    """A file on a disk that takes so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, data: object) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]  # bytes


@pytest.mark.parametrize("size", [5, 65_536, 200_000])
def test_every_failing_write_is_an_error(size: int) -> None:
    _, public = new_identity()
    counting = FullDisk(1_000)
    encrypt([bytes(size)], counting, public)
    for writes in range(1_000 - counting.left):
        with pytest.raises(OSError, match="No space"):
            encrypt([bytes(size)], FullDisk(writes), public)


def test_a_failing_source_is_an_error() -> None:
    def chunks() -> object:
        yield b"x" * 100_000
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        encrypt(chunks(), io.BytesIO(), new_identity()[1])  # type: ignore[arg-type]  # a generator


@pytest.mark.parametrize("text", ["", "# a comment only", "AGE-SECRET-KEY-1NONSENSE", "age1xyz"])
def test_what_is_no_private_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="no recovery key"):
        Identity(text)


def test_a_private_key_is_read_as_age_keygen_writes_it_and_is_never_shown() -> None:
    private, public = new_identity()
    identity = Identity(f"# created: today\n# public key: {public}\n{private.reveal()}\n")
    assert "AGE" not in repr(identity) + str(private)


def test_what_is_no_public_key_is_refused() -> None:
    private, public = new_identity()
    check_recipient(public)
    for text in ("", "age1", private.reveal()):
        with pytest.raises(SettingsError, match="no public key"):
            check_recipient(text)
