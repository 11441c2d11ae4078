"""The systemd unit, as systemd itself rates it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.repository import tree

pytestmark = pytest.mark.system

UNIT = tree.ROOT / "deploy/tokenvault@.service"
MOST = 2.0


def analysed(*arguments: str) -> str:
    assert shutil.which("systemd-analyze"), "this machine has no systemd-analyze; it comes with systemd"
    command = ["systemd-analyze", *arguments, "--no-pager"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def test_the_exposure_of_the_unit_is_below_2() -> None:
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", analysed("security", "--offline=true", str(UNIT)))
    assert found
    assert float(found[1]) < MOST


def test_systemd_knows_every_line_of_the_unit() -> None:
    absent = "is not executable: No such file or directory"  # the program is not installed here
    assert [line for line in analysed("verify", str(UNIT)).splitlines() if absent not in line] == []
