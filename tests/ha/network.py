"""Hosts on one machine: each has its own network interface on a common bridge, and can be disconnected."""

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
"""The address of the vault's servers and their callers."""


def set_up() -> None:
    """Create the bridge that connects all hosts; the callers have its first address."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", SWITCH, "type", "bridge")
    _ip("address", "add", f"{HERE}/24", "dev", SWITCH)
    _ip("link", "set", SWITCH, "up")


class Host:
    """One host of the cluster: a network namespace and its processes."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        """Connect a new host to the bridge; the output of its programs goes to files in `folder`."""
        self.name = name
        self.address = address
        self.folder = folder
        folder.mkdir(mode=0o700)
        # This process keeps the host's network namespace alive while no other process uses it.
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._await_own_network()
        self._network = _network(self._holder.pid)
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid))
        _ip("link", "set", name, "master", SWITCH, "up")
        self._inside("ip", "link", "set", "lo", "up")
        self._inside("ip", "address", "add", f"{address}/24", "dev", "eth0")
        self._inside("ip", "link", "set", "eth0", "up")

    def run(self, program: str, *arguments: str, environ: Mapping[str, str]) -> None:
        """Start a program of this host as the user `postgres`, because PostgreSQL refuses to run as root."""
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
        """Kill every process of this host at once, like a power cut; return how many there were."""
        killed = 0
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                killed += 1
        return killed

    def cut_off(self) -> None:
        """Disconnect the host: packets are lost, and neither side gets an error."""
        _ip("link", "set", self.name, "down")

    def reconnect(self) -> None:
        """Connect the host again."""
        _ip("link", "set", self.name, "up")

    def _processes(self) -> list[int]:
        processes = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and _network(entry.name) == self._network:
                    processes.append(int(entry.name))
        return [process for process in processes if process != self._holder.pid]

    def _enter(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--")

    def _inside(self, *command: str) -> None:
        subprocess.run([*self._enter(), *command], check=True)

    def _await_own_network(self) -> None:
        """Return when the holder runs in a network namespace of its own."""
        ours = _network("self")
        while _network(self._holder.pid) == ours:
            assert self._holder.poll() is None, "no network namespace could be made"


def _network(process: int | str) -> str:
    """Return the name of a process's network namespace."""
    return str(Path(f"/proc/{process}/ns/net").readlink())


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
