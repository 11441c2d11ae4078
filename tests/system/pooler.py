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
"""With the server, for each database: whoever keeps something in one meets it again in another's call."""
STOP_SECONDS: Final = 10

# No setting is changed to make it work: what a fresh installation has, but for the mode and the addresses.
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
    """PgBouncer, while it runs."""

    def __init__(self, port: int, server: int, log: Path) -> None:
        self._port = port
        self._server = server
        self._log = log

    def url(self, direct: str) -> str:
        """Gives the URL by which a database is reached through it."""
        return direct.replace(f":{self._server}/", f":{self._port}/")

    def clients(self) -> int:
        """Gives how many connections were made to it."""
        return self._log.read_text().count("login attempt")

    def sessions(self) -> int:
        """Gives how many it made to the server."""
        return self._log.read_text().count("new connection to server")


@contextmanager
def pooling(server: Postgres) -> Iterator[Pooler]:
    """Runs a PgBouncer until the block ends."""
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
