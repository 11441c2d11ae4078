"""The anchor file is replaced completely, or stays as it was."""

from __future__ import annotations

from pathlib import Path

from tokenvault_server.store.anchor import Anchor, read, write


def test_an_anchor_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "anchor.json", Anchor(7, "ab"))
    assert read(tmp_path / "anchor.json") == Anchor(7, "ab")


def test_there_is_no_anchor_before_the_first_write(tmp_path: Path) -> None:
    assert read(tmp_path / "anchor.json") is None


def test_a_new_anchor_replaces_the_old_one(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / "anchor.json", Anchor(number, "ab"))
    assert read(tmp_path / "anchor.json") == Anchor(2, "ab")
    assert [file.name for file in tmp_path.iterdir()] == ["anchor.json"]


def test_an_interrupted_write_leaves_the_old_anchor(tmp_path: Path) -> None:
    write(tmp_path / "anchor.json", Anchor(1, "a much longer hash than the next one has"))
    (tmp_path / "anchor.new").write_text('{"number":2,"ha')
    assert read(tmp_path / "anchor.json") == Anchor(1, "a much longer hash than the next one has")
    write(tmp_path / "anchor.json", Anchor(3, "c"))
    assert read(tmp_path / "anchor.json") == Anchor(3, "c")


def test_only_the_owner_can_read_the_anchor(tmp_path: Path) -> None:
    write(tmp_path / "anchor.json", Anchor(1, "ab"))
    assert (tmp_path / "anchor.json").stat().st_mode & 0o777 == 0o600
