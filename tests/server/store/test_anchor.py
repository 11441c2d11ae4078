"""The anchor file is replaced whole, or stays as it was."""

from __future__ import annotations

from pathlib import Path

from tokenvault_server.store.anchor import Anchor, read, write


def test_an_anchor_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "anchor.json", Anchor(7, "ab"))
    assert read(tmp_path / "anchor.json") == Anchor(7, "ab")


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert read(tmp_path / "anchor.json") is None


def test_a_new_anchor_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / "anchor.json", Anchor(number, "ab"))
    assert read(tmp_path / "anchor.json") == Anchor(2, "ab")
    assert [file.name for file in tmp_path.iterdir()] == ["anchor.json"]


def test_a_write_that_was_cut_off_leaves_the_old_anchor(tmp_path: Path) -> None:
    write(tmp_path / "anchor.json", Anchor(1, "a much longer hash than the next one has"))
    (tmp_path / "anchor.new").write_text('{"number":2,"ha')
    assert read(tmp_path / "anchor.json") == Anchor(1, "a much longer hash than the next one has")
    write(tmp_path / "anchor.json", Anchor(3, "c"))
    assert read(tmp_path / "anchor.json") == Anchor(3, "c")


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    write(tmp_path / "anchor.json", Anchor(1, "ab"))
    assert (tmp_path / "anchor.json").stat().st_mode & 0o777 == 0o600
