"""The container images and manifests: linted, and the Dockerfile's commands run on a machine without an engine.

The machine gets the root of the last stage: Debian's Python and its libraries, no shell. It is read-only there, and the
user has no rights.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import join

import pytest
import yaml

from tests.repository import tree
from tests.system.throwaway import Machine, machine

pytestmark = pytest.mark.system

DEPLOY = tree.ROOT / "deploy"
DOCKERFILE = DEPLOY / "container/Dockerfile"
LINES = tree.text(DOCKERFILE).replace("\\\n", " ").splitlines()
BUILD = LINES[LINES.index("FROM debian:12-slim AS build") + 1 : LINES.index("USER 65532:65532")]
(HEALTHY,) = (json.loads(line.partition(" CMD ")[2]) for line in LINES if line.startswith("HEALTHCHECK"))
EMULATOR, SERVE = (json.loads(line[4:]) for line in LINES if line.startswith("CMD"))

# What gcr.io/distroless/python3-debian12 is made of, by its own description.
PACKAGES = (
    "base-files ca-certificates libbz2-1.0 libc6 libexpat1 libffi8 libgcc-s1 liblzma5 libpython3.11-minimal "
    "libpython3.11-stdlib libsqlite3-0 libssl3 libstdc++6 libuuid1 netbase python3-minimal python3.11-minimal tzdata "
    "zlib1g"
)
DEBIAN = "export PATH=/usr/sbin:/usr/bin:/sbin:/bin; "
MAKE_ROOT = f"""
mkdir -p /image/usr/bin /image/usr/lib /image/usr/lib64 /image/proc /image/dev /image/tmp /image/opt
for name in bin lib lib64; do ln -s usr/$name /image/$name; done
dpkg -L {PACKAGES} | sort -u | grep '^/.' | tar -c --no-recursion --files-from=- 2>/dev/null \\
  | tar -x -C /image --keep-directory-symlink
rm -f /image/bin/sh /image/usr/bin/sh
cp -a /opt/tokenvault /image/opt/tokenvault
mkdir -p /image/etc/tokenvault /image/var/lib/tokenvault
mount --bind /image /image
mount -o remount,bind,ro /image
mount -t proc proc /image/proc
mount --rbind /dev /image/dev
for name in tmp etc/tokenvault var/lib/tokenvault; do
  mount -t tmpfs -o mode=0700,uid=65532,gid=65532 tmpfs /image/$name
done
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Machine]:
    """Yield a machine on which the commands of the first stage have run, and the root of the last one is ready."""
    with machine() as made:
        made.type(f"{DEBIAN} rm -rf /opt/tokenvault; mkdir -p /source")
        for line in BUILD:
            match line.split():
                case ["RUN", *_]:
                    made.type(f"{DEBIAN} cd /source; {line.removeprefix('RUN ')}", online=True)
                case ["COPY", *names, where] if not line.startswith("COPY --from"):
                    made.type(f"mkdir -p /source/{where}; cp -rL {' '.join(names)} /source/{copied(where, names)}")
        made.type(MAKE_ROOT)
        yield made


def copied(where: str, names: list[str]) -> str:
    return str(Path(where).parent) if names == [where] else where


def inside(command: list[str]) -> str:
    """Return the command that runs another in the image, as its user."""
    return f"env -i PATH=/opt/tokenvault/bin:/usr/bin /usr/sbin/chroot --userspec=65532:65532 /image {join(command)}"


def vault(*arguments: str) -> str:
    return inside(["/opt/tokenvault/bin/tokenvault", *arguments])


def started(on: Machine, arguments: list[str]) -> str:
    """Start the vault, wait until the image's health check succeeds, and return the process id."""
    on.type(f"{vault(*arguments)} >/tmp/printed 2>/tmp/log & echo $! >/tmp/pid")
    on.type(f"for _ in $(seq 100); do {inside(HEALTHY)} 2>/tmp/health && exit; sleep 0.1; done; cat /tmp/log; exit 1")
    return on.type("cat /tmp/pid").strip()


def stop(on: Machine, process: str) -> None:
    """End a process by SIGTERM, as an engine does. Nobody waits for it on this machine, so it stays as a zombie."""
    ended = f"grep -q 'State:.Z' /proc/{process}/status"
    on.type(f"kill -TERM {process}; for _ in $(seq 100); do {ended} && exit; sleep 0.1; done; cat /tmp/log; exit 1")


def test_the_image_has_no_shell_and_its_root_is_read_only(image: Machine) -> None:
    assert image.type("ls /image/bin/sh /image/bin/bash /image/usr/bin/apt 2>&1 || true").count("No such file") == 3
    write = inside(["/opt/tokenvault/bin/python", "-c", "open('/opt/tokenvault/x', 'w')"])
    assert "Read-only file system" in image.type(f"{write} 2>&1 || true")
    assert image.type(vault("--version")).startswith("tokenvault, version ")


def test_the_emulators_image_answers_other_machines_and_is_healthy(image: Machine) -> None:
    process = started(image, EMULATOR)
    first = json.loads(image.type("cat /tmp/printed"))
    assert first["base_url"] == "http://127.0.0.1:8480/pg"
    other = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.7:8480/pg/customers/asha/instruments"
    assert image.type(other) == "400"  # no version
    stop(image, process)


def test_the_image_of_serve_creates_a_vault_serves_it_and_stops(image: Machine) -> None:
    image.type(vault("init", "/etc/tokenvault", "--audit-anchor", "/var/lib/tokenvault/audit-anchor.json"))
    process = started(image, SERVE)
    assert json.loads(image.type("curl -sS http://127.0.0.1:8481/ready")) == {"status": "ready"}
    stop(image, process)


def test_the_dockerfile_passes_hadolint() -> None:
    assert checked(["hadolint", str(DOCKERFILE)]) == ""


def test_the_manifests_are_valid_for_kubernetes() -> None:
    printed = checked(["kubernetes-validate", "--strict", *map(str, sorted((DEPLOY / "kubernetes").glob("*.yaml")))])
    assert printed.count(" passed for resource ") == 5


def test_the_proxy_of_the_containers_differs_in_the_addresses_of_the_servers_alone() -> None:
    ours, theirs = (tree.text(DEPLOY / name).splitlines() for name in ("nginx.conf", "container/nginx.conf"))
    differing = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    assert [
        other for _, other in differing if not re.match(r" +server vault-[12]:8480 |# As deploy/nginx", other)
    ] == []
    assert len(differing) == 3


def test_only_the_proxy_of_the_containers_can_be_reached_and_the_vault_is_confined() -> None:
    composed = yaml.safe_load(tree.text(DEPLOY / "container/compose.yaml"))
    assert [name for name, service in composed["services"].items() if "ports" in service] == ["proxy"]
    assert composed["networks"]["inside"]["internal"]
    for name in ("operator", "vault-1", "vault-2"):
        service = composed["services"][name]
        assert (service["user"], service["read_only"], service["cap_drop"]) == ("65532:65532", True, ["ALL"])
        assert service["networks"] == ["inside"]


def checked(command: list[str]) -> str:
    tool = Path(sys.executable).with_name(command[0])
    assert tool.exists(), f"there is no {tool.name}: run `make test-system`"
    done = subprocess.run(
        [tool, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
