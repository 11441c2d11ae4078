"""A throw-away copy of this machine: its writes stay in memory, and it ends with its processes.

Tests run the commands there that a page gives to an operator as root, including users and services. Nothing remains.
`TEST_MACHINE` names the root directory of another machine to copy, such as a bare one that debootstrap made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.repository import tree

SECONDS: Final = 300
CLONE: Final = "/clone"
STAND_INS: Final = Path(__file__).parent / "stand_ins"
"""Replacements for systemd and sudo on machines without them, as far as the pages use them."""

_MAKE: Final = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/written" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$4,upperdir=$1/written,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/tmp"
mkdir -p "$1/root/clone"
mount --bind "$2" "$1/root/clone"
cp "$3"/* "$1/root/usr/local/bin"
root="$1/root"
shift 4
while (($#)); do
    mkdir -p "$root$1"
    mount --bind "$2" "$root$1"
    shift 2
done
ip link set lo up
echo made
exec cat
"""
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """A running copy."""

    def __init__(self, root: Path, first: int) -> None:
        self._root = root
        self._enter = ["nsenter", "--target", str(first), "--mount", "--pid", "--net"]
        self._enter_online = ["nsenter", "--target", str(first), "--mount", "--pid"]

    def type(self, text: str, *, online: bool = False, folder: str = CLONE) -> str:
        """Run a command of an operator in a root shell, in the clone or another folder; return its output."""
        done = subprocess.run(
            self._shell(text, online=online, folder=folder),
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        return done.stdout

    def start(self, text: str, *, folder: str = CLONE) -> subprocess.Popen[str]:
        """Start a program of a user of the machine; it ends with the machine."""
        command = self._shell(f"exec {text}", online=False, folder=folder)
        return subprocess.Popen(command, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _shell(self, text: str, *, online: bool, folder: str) -> list[str]:
        enter = self._enter_online if online else self._enter
        return [*enter, "chroot", str(self._root), "bash", "-c", f"set -euo pipefail; cd {folder}; {text}"]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
    return {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **kept}


@contextmanager
def machine(clone: Path = tree.ROOT, beside: Mapping[str, Path] | None = None) -> Iterator[Machine]:
    """Yield a copy of this machine on which no service runs yet.

    `clone` is the folder that is its clone of the repository; `beside` are others, by their paths on the machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="tokenvault-machine-"))
    mounted = [part for path, source in (beside or {}).items() for part in (path, str(source))]
    make = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "bash", "-c", _MAKE, "make"]
    with subprocess.Popen(
        [*make, str(folder), str(clone), str(STAND_INS), os.environ.get("TEST_MACHINE", "/"), *mounted],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "made\n", "this needs root"
            yield Machine(folder / "root", _child(process.pid))
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder)


def _child(parent: int) -> int:
    """Return the process id, outside the copy, of its first process."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else sys.exit("the copy has no process")
