"""What a dead emulator left behind is removed by the next; what a live one or anybody else has is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tokenvault_server.emulator.private_directory import LOCK, PREFIX, private_directory, remove_left_behind

_HOLD = """
import sys
from pathlib import Path
from tokenvault_server.emulator.private_directory import private_directory
with private_directory(Path(sys.argv[1])) as directory:
    (directory / "master.key").write_text("secret")
    print(directory, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(base: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Run a process that has a private directory."""
    command = [sys.executable, "-c", _HOLD, str(base)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Path(process.stdout.readline().strip()), process
        process.kill()


def test_it_is_private_and_removed_at_the_end(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        assert [file.name for file in directory.iterdir()] == [LOCK]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with another_process(tmp_path) as (left, process):
        process.kill()
        process.wait()
        assert (left / "master.key").exists()
        with private_directory(tmp_path) as directory:
            assert list(tmp_path.iterdir()) == [directory]


def test_what_a_live_process_uses_stays(tmp_path: Path) -> None:
    with another_process(tmp_path) as (used, _), private_directory(tmp_path):
        remove_left_behind(tmp_path)
        assert (used / "master.key").exists()


def test_a_directory_whose_emulator_has_just_made_it_stays(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}new").mkdir()
    remove_left_behind(tmp_path)
    assert (tmp_path / f"{PREFIX}new").exists()


@pytest.mark.parametrize("name", ["tokenvault-pg-1", "other", f"x{PREFIX}1"])
def test_a_directory_of_another_name_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / LOCK).touch()
    remove_left_behind(tmp_path)
    assert (tmp_path / name / LOCK).exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    base, target = tmp_path / "base", tmp_path / "target"
    (base / f"{PREFIX}inside").mkdir(parents=True)
    target.mkdir()
    (target / LOCK).touch()
    (base / f"{PREFIX}link").symlink_to(target)
    (base / f"{PREFIX}inside" / LOCK).symlink_to(target / LOCK)
    remove_left_behind(base)
    assert (target / LOCK).exists()
    assert len(list(base.iterdir())) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_stays(tmp_path: Path) -> None:
    theirs = tmp_path / f"{PREFIX}theirs"
    theirs.mkdir()
    (theirs / LOCK).touch()
    os.chown(theirs, 65534, 65534)
    remove_left_behind(tmp_path)
    assert (theirs / LOCK).exists()
