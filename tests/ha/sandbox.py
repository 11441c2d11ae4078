"""A sandbox: Linux namespaces for network, process ids and users, which end with their first process.

Processes in it cannot reach an address outside and do not outlive it. It needs no root where user namespaces are
allowed.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

POSTGRES_BIN: Final = Path("/usr/lib/postgresql/15/bin")
PACKAGES: Final = {
    "postgresql-15": str(POSTGRES_BIN / "postgres"),
    "patroni": "patroni",
    "etcd-server": "etcd",
    "iproute2": "ip",
    "util-linux": "unshare",
    "openssl": "openssl",
}
"""The required Debian packages, each with a program that shows whether it is installed."""

_INSIDE = "INSIDE_HA_TEST"
_ENTER = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_HOW_TO_INSTALL = """\
These Debian packages are missing: {names}

    sudo apt-get install --no-install-recommends {names}
    sudo systemctl disable --now postgresql etcd patroni

The second line is for machines with systemd: the packages start services that this test does not need.
"""


def enter() -> None:
    """Start this program again in the sandbox, unless it runs there already."""
    if _INSIDE in os.environ:
        _reap_orphans()
        return
    missing = [package for package, program in PACKAGES.items() if not shutil.which(program)]
    if missing:
        sys.exit(_HOW_TO_INSTALL.format(names=" ".join(missing)))
    again = (sys.executable, "-m", "tests.ha", *sys.argv[1:])
    # The developer's own settings must not reach the vault under test.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENVAULT_")}
    os.execvpe(_ENTER[0], [*_ENTER, *again], kept | {_INSIDE: "yes"})  # no shell is needed


def _reap_orphans() -> None:
    """Continue in a child. The first process must wait for every orphan, or Patroni waits for zombies for ever."""
    child = os.fork()
    if not child:
        return
    while True:
        process, status = os.wait()
        if process == child:
            os._exit(os.waitstatus_to_exitcode(status))
