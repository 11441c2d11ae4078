"""A copy of this machine that is thrown away: everything that it writes is in memory, and it ends with its processes.

What a page tells an operator to do as root, users and services included, is done there and leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.repository import tree

SECONDS: Final = 300
STAND_INS: Final = Path(__file__).parent / "stand_ins"
"""Programs that a machine without systemd or sudo lacks: as much of them as the pages use."""

_MAKE: Final = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/written" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/written,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/tmp"
mkdir -p "$1/root/clone"
mount --bind "$2" "$1/root/clone"
cp "$3"/* "$1/root/usr/local/bin"
ip link set lo up
echo made
exec cat
"""
_INSIDE: Final = "set -euo pipefail; cd /clone; "
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """The copy, while it lasts."""

    def __init__(self, root: Path, first: int) -> None:
        self._root = root
        self._enter = ["nsenter", "--target", str(first), "--mount", "--pid", "--net"]
        self._enter_online = ["nsenter", "--target", str(first), "--mount", "--pid"]

    def type(self, text: str, *, online: bool = False) -> str:
        """Runs what an operator types into a root shell, in the clone; gives what it printed."""
        enter = self._enter_online if online else self._enter
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
        done = subprocess.run(
            [*enter, "chroot", str(self._root), "bash", "-c", _INSIDE + text],
            env={"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **kept},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        return done.stdout


@contextmanager
def machine() -> Iterator[Machine]:
    """Gives a copy of this machine, on which nothing that this one does not do by itself runs yet."""
    place = Path(tempfile.mkdtemp(prefix="tokenvault-machine-"))
    make = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "bash", "-c", _MAKE, "make"]
    with subprocess.Popen(
        [*make, str(place), str(tree.ROOT), str(STAND_INS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "made\n", "this needs root"
            yield Machine(place / "root", _child(process.pid))
        finally:
            process.kill()
    shutil.rmtree(place)


def _child(parent: int) -> int:
    """Gives the first process inside, by the number that it has outside."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else sys.exit("nothing runs")
