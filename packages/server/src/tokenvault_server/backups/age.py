"""The age format (age-encryption.org/v1): encryption of streams to an X25519 key, in chunks that are authenticated.

`age` and `age-keygen`, of any implementation, read and write the same files and keys.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import pyrage

from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError, StoreError

_DAMAGED: Final = "the backup is damaged or incomplete"


class Identity:
    """The private half of a recovery key."""

    def __init__(self, text: str) -> None:
        """Read the key from a file as `age-keygen` writes it: the key, and lines that begin with `#`.

        Raises:
            SettingsError: there is no key.
        """
        lines = (line.strip() for line in text.splitlines())
        keys = [line for line in lines if line and not line.startswith("#")]
        try:
            self._identity = pyrage.x25519.Identity.from_str(keys[0])
        except (IndexError, pyrage.IdentityError):
            raise SettingsError(
                "the file holds no recovery key", hint="give the file that `tokenvault recovery-key` wrote"
            ) from None

    def __repr__(self) -> str:
        """Show nothing."""
        return "Identity(****)"

    def open(self, source: BinaryIO, target: BinaryIO) -> None:
        """Decrypt a file.

        Raises:
            SettingsError: it is encrypted to another key.
            StoreError: it is no age file, or was altered or cut off.
        """
        try:
            pyrage.decrypt_io(source, target, [self._identity])
        except pyrage.DecryptError as error:
            if "keys" in str(error):
                raise SettingsError("the backup is encrypted to another recovery key") from None
            raise StoreError(_DAMAGED, hint="the file is no backup, or its beginning is missing") from None
        except OSError:
            raise StoreError(_DAMAGED, hint="the file was altered or cut off") from None


def new_identity() -> tuple[Secret[str], str]:
    """Make a recovery key; return its private half and its public half."""
    identity = pyrage.x25519.Identity.generate()
    return Secret(str(identity)), str(identity.to_public())


def check_recipient(text: str) -> None:
    """Check the public half of a recovery key.

    Raises:
        SettingsError: it is none.
    """
    _recipient(text)


def encrypt(chunks: Iterable[bytes], target: BinaryIO, recipient: str) -> None:
    """Encrypt chunks, one after the other, into a file.

    Raises:
        OSError: the file cannot be written.
    """
    writer = _Writer(target)
    reader = _Reader(chunks)
    try:
        pyrage.encrypt_io(reader, writer, [_recipient(recipient)])
    except pyrage.EncryptError as error:
        raise reader.error or writer.error or error from None
    # The library reports no failure of its last write.
    if writer.error:
        raise writer.error


@contextmanager
def decrypting(path: Path, identity: Identity, *, whole: bool = True) -> Iterator[BinaryIO]:
    """Yield what is in an encrypted file, as a stream.

    What is read is authentic. With `whole`, the end of the block also checks that nothing is missing.

    Raises:
        SettingsError: it is encrypted to another key.
        StoreError: it is no age file, or was altered or cut off.
    """
    receiving, sending = os.pipe()
    decryption = _Decryption(path, identity, sending)
    decryption.start()
    try:
        with os.fdopen(receiving, "rb") as stream:
            yield stream
            while whole and stream.read(_PIECE):
                pass
    finally:
        decryption.join()
        # The reason that the stream ended early is the better error, also for whoever could not read on.
        if decryption.error:
            raise decryption.error


_PIECE: Final = 65_536


class _Decryption(threading.Thread):
    """Decrypts into a pipe."""

    def __init__(self, path: Path, identity: Identity, sending: int) -> None:
        super().__init__(name="decryption", daemon=True)
        self._path = path
        self._identity = identity
        self._sending = sending
        self.error: Exception | None = None

    def run(self) -> None:
        writer = None
        try:
            with os.fdopen(self._sending, "wb") as pipe, self._path.open("rb") as source:
                writer = _Writer(pipe)
                self._identity.open(source, writer)  # type: ignore[arg-type]  # it only writes and flushes
        except (StoreError, SettingsError) as error:
            if writer is None or writer.error is None:
                self.error = error
        except BrokenPipeError:
            pass  # the reader left early, with an error of its own
        except OSError as error:
            self.error = error


class _Writer:
    """Keeps the error of a write, because the library turns it into text or drops it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._target.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        try:
            self._target.flush()
        except OSError as error:
            self.error = self.error or error
            raise


class _Reader:
    """A stream of chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self.error: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except Exception as error:
            self.error = error
            raise
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise SettingsError(
            "the recovery key is no public key of age", hint="it begins with age1; `tokenvault recovery-key` prints it"
        ) from None
