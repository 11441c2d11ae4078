"""A real PgBouncer in front of a PostgreSQL, in transaction mode, with fewer sessions than there are clients."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.postgres import Postgres
from tests.support.served_process import await_answers, free_port

SESSIONS: Final = 3
"""Sessions with the server, for each database. State that a call left in a session would be seen by another call."""
STOP_SECONDS: Final = 10

# The defaults of a fresh installation, except for the pool mode and the addresses.
_CONFIGURATION: Final = """
[databases]
* = host=127.0.0.1 port={server} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


class Pooler:
    """A running PgBouncer."""

    def __init__(self, port: int, server: int, log: Path) -> None:
        self._port = port
        self._server = server
        self._log = log

    def url(self, direct: str) -> str:
        """Return the URL of a database through the pooler."""
        return direct.replace(f":{self._server}/", f":{self._port}/")

    def clients(self) -> int:
        """Return how many connections clients have opened."""
        return self._log.read_text().count("login attempt")

    def sessions(self) -> int:
        """Return how many sessions the pooler has opened with the server."""
        return self._log.read_text().count("new connection to server")


@contextmanager
def pooling(server: Postgres) -> Iterator[Pooler]:
    """Run a PgBouncer until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="tokenvault-pooler-"))
    folder.chmod(0o755)
    port = free_port()
    (folder / "pgbouncer.ini").write_text(_CONFIGURATION.format(server=server.port, port=port, sessions=SESSIONS))
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None  # it refuses to run as root
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(["pgbouncer", str(folder / "pgbouncer.ini")], stderr=log, user=user) as process,
    ):
        try:
            await_answers(port, process)
            yield Pooler(port, server.port, folder / "log")
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
    shutil.rmtree(folder)
