"""A private corner of the machine: network, process ids and users of its own, which all end with its first process.

Nothing in it can reach an address outside, nothing outlives it, and it needs no root where user namespaces are allowed.
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
"""What is needed of Debian, and the program that tells whether it is there."""

_INSIDE = "INSIDE_HA_TEST"
_ENTER = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_HOW_TO_INSTALL = """\
These Debian packages are missing: {names}

    sudo apt-get install --no-install-recommends {names}
    sudo systemctl disable --now postgresql etcd patroni

The second line matters where systemd runs: the packages start daemons that nothing here needs.
"""


def enter() -> None:
    """Go on inside such a corner: start this program again there, unless that has been done."""
    if _INSIDE in os.environ:
        _reap_orphans()
        return
    missing = [package for package, program in PACKAGES.items() if not shutil.which(program)]
    if missing:
        sys.exit(_HOW_TO_INSTALL.format(names=" ".join(missing)))
    again = (sys.executable, "-m", "tests.ha", *sys.argv[1:])
    # Settings of a vault that the developer works with must not reach the vault that is tested.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENVAULT_")}
    os.execvpe(_ENTER[0], [*_ENTER, *again], kept | {_INSIDE: "yes"})  # no shell is wanted


def _reap_orphans() -> None:
    """Go on in a child: the first process is the one that must wait for every orphan, or Patroni waits for zombies."""
    child = os.fork()
    if not child:
        return
    while True:
        process, status = os.wait()
        if process == child:
            os._exit(os.waitstatus_to_exitcode(status))
