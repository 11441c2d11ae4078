"""`--version` shows the revision of an archive and of a built distribution, without git."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.repository import tree
from tokenvault_server.telemetry import revision as module
from tokenvault_server.telemetry.revision import revision

HEAD = "a" * 40


@pytest.mark.parametrize(
    ("built", "archived", "expected"),
    [(f"{HEAD}\n", "$Format:%H$", HEAD), (None, HEAD, HEAD), (None, "$Format:%H$", "")],
    ids=["build", "archive", "clone"],
)
def test_the_revision_is_that_of_the_build_or_the_archive(
    tmp_path: Path, built: str | None, archived: str, expected: str
) -> None:
    if built:
        (tmp_path / "revision.txt").write_text(built)
    assert revision(tmp_path / "revision.txt", archived) == expected


def test_an_archive_and_a_wheel_have_the_revision(tmp_path: Path) -> None:
    if not (tree.ROOT / ".git").exists():
        pytest.skip("this is no clone")
    head = git("rev-parse", "HEAD").decode().strip()
    name = Path(str(module.__file__)).relative_to(tree.ROOT).as_posix()
    with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD", name))) as archive:
        packed = archive.extractfile(name)
        assert packed
        assert re.findall(rb'"([0-9a-f]{40})"', packed.read()) == [head.encode()]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=tree.ROOT / "packages/server", capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        assert built.read("tokenvault_server/revision.txt").decode() == head + "\n"


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(tree.ROOT), *arguments], capture_output=True, check=True).stdout
