"""Three nodes of etcd, Patroni and PostgreSQL, set up from the files that `deploy/ha` ships."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final

from tests.ha.network import Host

NAMES: Final = ("node1", "node2", "node3")
PASSWORD: Final = "only-for-this-test"  # used nowhere else
DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy" / "ha"

START_SECONDS = 90
TAKE_OVER_SECONDS = 60
REJOIN_SECONDS = 90
_POLL_SECONDS = 0.1
_REST_SECONDS = 2
_PATHS = ("/etc/patroni", "/var/lib/postgresql", "/var/run/postgresql", "/var/lib/etcd")
"""Paths in the shipped files. A node of this test has one folder instead."""


class Node:
    """One host with its three programs."""

    def __init__(self, number: int, folder: Path) -> None:
        """Write the node's configuration as an operator would."""
        self.name = NAMES[number]
        self.host = Host(self.name, f"10.77.0.{11 + number}", folder / self.name)
        self._environ = self._settings()
        self._config = self.host.folder / "config.yml"
        self._config.write_text(self._with_own_folder((DEPLOY / "patroni.yml").read_text()))
        _make_certificate(self.host.folder, self.host.address)

    def start(self) -> None:
        """Start the node's etcd, and Patroni, which starts PostgreSQL."""
        of_etcd = {name: value for name, value in self._environ.items() if name.startswith("ETCD_")}
        of_patroni = {name: value for name, value in self._environ.items() if name.startswith("PATRONI_")}
        self.host.run("etcd", environ=of_etcd)
        self.host.run("patroni", str(self._config), environ=of_patroni)

    def cluster(self) -> list[dict[str, Any]]:
        """Return the members as this node's Patroni knows them; none while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.host.address}:8008/cluster", timeout=_REST_SECONDS) as answer:
                members: list[dict[str, Any]] = json.load(answer)["members"]
        except (OSError, ValueError):
            return []
        return members

    def _settings(self) -> dict[str, str]:
        text = self._with_own_folder((DEPLOY / "node.env").read_text())
        text = text.replace("NODE_NAME", self.name).replace("NODE_ADDRESS", self.host.address)
        lines = (line for line in text.replace("replace-me", PASSWORD).splitlines() if line and line[0] != "#")
        return dict(line.split("=", 1) for line in lines)

    def _with_own_folder(self, text: str) -> str:
        for path in _PATHS:
            text = text.replace(path, str(self.host.folder))
        return text


class Cluster:
    """All nodes of the cluster, and their common state."""

    def __init__(self, folder: Path) -> None:
        """Prepare three nodes below `folder`."""
        self.nodes = [Node(number, folder) for number in range(len(NAMES))]

    def start(self) -> None:
        """Start every node; return when there is a leader and a synchronous standby."""
        for node in self.nodes:
            node.start()
        self.await_complete(START_SECONDS)

    def stop(self) -> None:
        """Kill all processes of every node."""
        for node in self.nodes:
            node.host.kill()

    def leader(self) -> Node:
        """Return the leader; there must be one."""
        (leader,) = (node for node in self.nodes if node.name in self._of_role("leader"))
        return leader

    def synchronous(self) -> Node:
        """Return the synchronous standby, which has every acknowledged commit; there must be one."""
        (standby,) = (node for node in self.nodes if node.name in self._of_role("sync_standby"))
        return standby

    def await_take_over(self, former: str) -> Node:
        """Return the new leader as soon as another node than `former` leads."""
        _wait(lambda: bool(self._of_role("leader") - {former}), TAKE_OVER_SECONDS, "no other node took over")
        return self.leader()

    def await_complete(self, seconds: float = REJOIN_SECONDS) -> None:
        """Return when all nodes run on one timeline, with a leader and a synchronous standby."""
        _wait(self._is_complete, seconds, "the cluster is not complete")

    def _is_complete(self) -> bool:
        members = self._members()
        roles = sorted(member["role"] for member in members)
        states = {member["state"] for member in members}
        timelines = {member.get("timeline") for member in members}
        return roles == ["leader", "replica", "sync_standby"] and states == {"running"} and len(timelines) == 1

    def _of_role(self, role: str) -> set[str]:
        return {member["name"] for member in self._members() if (member["role"], member["state"]) == (role, "running")}

    def _members(self) -> list[dict[str, Any]]:
        """Return the members as the node with the newest timeline knows them."""
        views = [node.cluster() for node in self.nodes]
        return max(views, key=lambda view: max((member.get("timeline") or 0 for member in view), default=-1))


def _wait(condition: Callable[[], bool], seconds: float, problem: str) -> None:
    """Return when a condition is true; fail when it does not become true in time."""
    never, deadline = Event(), monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"{problem} after {seconds:.0f} seconds"
        never.wait(_POLL_SECONDS)


def _make_certificate(folder: Path, address: str) -> None:
    """Create the certificate of a node's PostgreSQL for TLS."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={address}"]
    command += ["-addext", f"subjectAltName=IP:{address}", "-keyout", "server.key", "-out", "server.crt"]
    subprocess.run(command, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    (folder / "server.key").chmod(0o600)
