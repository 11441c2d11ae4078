"""Hosts on one machine: each with a network interface of its own on a common switch, which can be pulled out."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

SWITCH: Final = "ha0"
HERE: Final = "10.77.0.1"
"""The address of those who call: the vault's servers and their callers."""


def set_up() -> None:
    """Lay the switch that all hosts are on, with the callers at its first address."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", SWITCH, "type", "bridge")
    _ip("address", "add", f"{HERE}/24", "dev", SWITCH)
    _ip("link", "set", SWITCH, "up")


class Host:
    """One machine of the cluster, as far as network and processes are concerned."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        """Connect a new host to the switch; what its programs print goes to files in `folder`."""
        self.name = name
        self.address = address
        self.folder = folder
        folder.mkdir(mode=0o700)
        # Keeps the host's network alive while nothing else of it is.
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._await_own_network()
        self._network = _network(self._holder.pid)
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid))
        _ip("link", "set", name, "master", SWITCH, "up")
        self._inside("ip", "link", "set", "lo", "up")
        self._inside("ip", "address", "add", f"{address}/24", "dev", "eth0")
        self._inside("ip", "link", "set", "eth0", "up")

    def run(self, program: str, *arguments: str, environ: Mapping[str, str]) -> None:
        """Start a program of this host, as the user of PostgreSQL, which refuses to be root."""
        owner = pwd.getpwnam("postgres")
        as_owner = ("unshare", "--user", f"--map-user={owner.pw_uid}", f"--map-group={owner.pw_gid}", "--")
        with (self.folder / f"{program}.log").open("ab") as log:
            subprocess.Popen(
                [*self._enter(), *as_owner, program, *arguments],
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def kill(self) -> int:
        """End every process of this host at once, as a power cut would; gives how many there were."""
        killed = 0
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                killed += 1
        return killed

    def cut_off(self) -> None:
        """Pull the cable out: what is sent is lost without a word to either side."""
        _ip("link", "set", self.name, "down")

    def reconnect(self) -> None:
        """Plug the cable in again."""
        _ip("link", "set", self.name, "up")

    def _processes(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and _network(entry.name) == self._network:
                    found.append(int(entry.name))
        return [process for process in found if process != self._holder.pid]

    def _enter(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--")

    def _inside(self, *command: str) -> None:
        subprocess.run([*self._enter(), *command], check=True)

    def _await_own_network(self) -> None:
        """Return when the holder has left our network for its own."""
        ours = _network("self")
        while _network(self._holder.pid) == ours:
            assert self._holder.poll() is None, "no network namespace could be made"


def _network(process: int | str) -> str:
    """Give the name of the network that a process is in."""
    return str(Path(f"/proc/{process}/ns/net").readlink())


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
