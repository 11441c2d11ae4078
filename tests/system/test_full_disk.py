"""A disk that is really full: calls fail, `/ready` says so, the log says what to do, and nothing is lost."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.test_operation import wait_until_ready
from tests.support.commands import run_json
from tests.support.emulator_process import instruments
from tests.support.log_lines import lines_of
from tests.support.served_process import initialised, served

pytestmark = pytest.mark.system

MEBIBYTES = 8


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    options = f"size={MEBIBYTES}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_an_error_with_a_hint_until_there_is_room_again(small_disk: Path, tmp_path: Path) -> None:
    log, vault = tmp_path / "log", small_disk / "vault"
    with served(vault, log) as running:
        card = instruments("asha", running.save("asha")["instrument_id"])
        wait_until_ready(running, status=200)
        fill(small_disk / "filler")
        wait_until_ready(running, status=503)
        assert {running.ask("GET", card + "/cryptogram")[0] for _ in range(10)} <= {500, 502}
        (small_disk / "filler").unlink()
        wait_until_ready(running, status=200)
        assert running.ask("DELETE", card)[0] == 200
    hints = {line["hint"] for line in lines_of(log) if line["event"] == "not ready"}
    assert hints == {f"free space on the file system of {vault / 'vault.db'}"}
    assert run_json("audit", "verify", "--config", str(initialised(vault)))["intact"] is True


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017  # the write that fails is one of many
