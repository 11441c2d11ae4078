"""A database that requires a password: the vault reads it from a file and never shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.commands import tokenvault
from tests.support.databases import POSTGRESQL, Stores, TestServer, started
from tests.support.emulator_process import instruments
from tests.support.served_process import served

PASSWORD = "open-sesame-4711"
USER = "serving"


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    server = started(POSTGRESQL)
    server.require_password_of(USER, PASSWORD)
    yield server
    server.remove()


@pytest.fixture
def stores(server: TestServer) -> Iterator[Stores]:
    """Yield two empty databases whose owner has a password."""
    with ExitStack() as databases:
        urls = [databases.enter_context(server.database()) for _ in range(2)]
        for url in urls:
            server.sql(f"ALTER DATABASE {url.rpartition('/')[2].partition('?')[0]} OWNER TO {USER}")
        yield Stores(*(url.replace("postgres@", f"{USER}@") for url in urls))


@pytest.fixture
def set_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that gives a password to every command, in files that the environment names."""

    def write(password: str) -> None:
        (tmp_path / "password").write_text(password + "\n")
        for name in ("STORE", "TSP_STORE"):
            monkeypatch.setenv(f"TOKENVAULT_{name}_PASSWORD_FILE", str(tmp_path / "password"))

    return write


def command_lines() -> bytes:
    """Return the command line of every process, as `ps` shows it."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes())
        except OSError:
            continue  # the process has just ended
    return b"\n".join(lines)


def test_a_password_from_a_file_opens_the_databases_and_is_never_shown(
    tmp_path: Path, stores: Stores, set_password: Callable[[str], None]
) -> None:
    set_password(PASSWORD)
    vault, log = tmp_path / "vault", tmp_path / "log"
    with served(vault, log, level="debug", stores=stores, workers=2) as running:
        path = instruments("asha", running.save("asha")["instrument_id"])
        assert running.ask("GET", path + "/cryptogram")[0] == 200
        seen = command_lines()
    doctor = tokenvault("doctor", "--config", str(vault / "tokenvault.toml"))
    assert USER in doctor.stdout
    seen += (doctor.stdout + doctor.stderr).encode() + log.read_bytes() + (vault / "tokenvault.toml").read_bytes()
    assert b"tokenvault_server" in seen
    assert PASSWORD.encode() not in seen


def test_a_wrong_password_is_reported_without_showing_it(
    tmp_path: Path, stores: Stores, set_password: Callable[[str], None]
) -> None:
    set_password("open-barley-0815")
    done = tokenvault("init", str(tmp_path / "vault"), f"--store={stores.store}", f"--tsp-store={stores.tsp_store}")
    assert done.returncode == 4
    assert "refuses to sign us in" in done.stderr
    assert "barley" not in done.stdout + done.stderr


def test_a_user_who_may_not_change_tables_can_serve_the_owners_databases(
    tmp_path: Path, server: TestServer, set_password: Callable[[str], None]
) -> None:
    set_password(PASSWORD)
    with server.stores() as stores:
        for url in stores:
            server.grant(url, USER)
        theirs = [url.replace("postgres@", f"{USER}@") for url in stores]
        with served(tmp_path / "vault", stores=theirs) as running:
            path = instruments("asha", running.save("asha")["instrument_id"])
            assert [running.ask("DELETE", path)[0], running.ask("GET", path)[0]] == [200, 404]
