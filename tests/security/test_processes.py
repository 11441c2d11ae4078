"""What another process of the same user can take from a running vault, and what a killed one leaves."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import emulator_process
from tests.support.commands import tokenvault
from tests.support.emulator_process import STOP_SECONDS, Emulator, emulator
from tests.support.served_process import await_answers, free_port, initialised, kill_all
from tokenvault_server.emulator.private_directory import PREFIX
from tokenvault_server.process_memory import forget_variables

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")
PASSPHRASE = "a-passphrase-in-the-environment"

_UNPRIVILEGED = """
import ctypes, os, sys
for capability in range(64 if os.geteuid() == 0 else 0):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: a root that can no more than its own files
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
_ATTACK = """
import sys
for name in ("mem", "environ", "maps"):
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").read(0)
        print(name)
    except PermissionError:
        pass
"""


def unprivileged(*arguments: str) -> list[str]:
    """Return a command that runs Python as this user, without the privileges that root has."""
    return [sys.executable, "-c", _UNPRIVILEGED, *arguments]


def taken_from(process: int) -> list[str]:
    """Return which files of a process's memory another process of its user can open."""
    done = subprocess.run(unprivileged("-c", _ATTACK, str(process)), check=True, capture_output=True, text=True)
    return done.stdout.split()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """The processes of a served vault: the supervisor, its worker and Python's resource tracker."""
    config = initialised(tmp_path_factory.mktemp("processes") / "vault")
    port = free_port()
    settings = {"PORT": port, "ADMIN_PORT": free_port(), "PASSPHRASE": PASSPHRASE, "TSP_STORE_PASSWORD": PASSPHRASE}
    command = unprivileged("-m", "tokenvault_server", "serve", "--config", str(config))
    environment = os.environ | {f"TOKENVAULT_{name}": str(value) for name, value in settings.items()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True) as process:
        try:
            await_answers(port, process)
            yield [process.pid, *workers(process.pid)]
        finally:
            kill_all(process)


def workers(parent: int) -> list[int]:
    """Return the children of any thread of a process."""
    return [
        int(child) for file in Path(f"/proc/{parent}/task").glob("*/children") for child in file.read_text().split()
    ]


def test_the_attack_works_on_a_process_that_is_not_protected() -> None:
    waits = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(unprivileged("-c", waits), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as unprotected:
        assert unprotected.stdout
        unprotected.stdout.readline()
        assert taken_from(unprotected.pid) == ["mem", "environ", "maps"]
        unprotected.kill()


def test_no_process_of_its_user_reads_the_memory_of_a_served_vault(processes: list[int]) -> None:
    holding_keys = [process for process in processes if b"resource_tracker" not in command_line(process)]
    assert len(holding_keys) == 2
    assert [taken_from(process) for process in holding_keys] == [[], []]


def test_no_process_of_a_served_vault_dumps_core(processes: list[int]) -> None:
    assert {resource.prlimit(process, resource.RLIMIT_CORE) for process in processes} == {(0, 0)}


def test_no_child_of_a_served_vault_has_its_settings_in_its_environment(processes: list[int]) -> None:
    environments = [Path(f"/proc/{child}/environ").read_bytes() for child in processes[1:]]
    assert environments
    assert [each for each in environments if b"TOKENVAULT_" in each or PASSPHRASE.encode() in each] == []


def test_every_setting_leaves_the_environment_and_nothing_else() -> None:
    environ = {"TOKENVAULT_PASSPHRASE": "x", "TOKENVAULT_STORE": "postgresql://u:x@h/d", "PATH": "/bin"}
    forget_variables(environ, "TOKENVAULT_")
    assert environ == {"PATH": "/bin"}


def command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def test_no_process_of_its_user_reads_the_memory_of_an_emulator() -> None:
    command = unprivileged("-m", "tokenvault_server", "emulator", "--port", "0", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        emulator_process.first_line(process)
        assert taken_from(process.pid) == []
        process.terminate()


def test_a_killed_emulator_leaves_nothing_after_the_next_start() -> None:
    with emulator_process.started() as (first, process):
        (left,) = directories_of(first)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        process.kill()
        process.wait(STOP_SECONDS)
    assert (left / "master.key").exists()
    with emulator() as second:
        assert not left.exists()
        assert len(directories_of(second)) == 1
    assert directories_of(second) == []


def directories_of(running: Emulator) -> list[Path]:
    """Return the private directories that hold an emulator's credentials."""
    files = Path("/dev/shm").glob(f"{PREFIX}*/emulator.json")
    return [file.parent for file in files if running.client_id in file.read_text()]


@pytest.mark.parametrize(
    ("name", "mode"), [("vault.db", 0o666), ("tsp.db", 0o620), ("vault.db", 0o640), ("master.key", 0o644), (".", 0o777)]
)
def test_serve_refuses_files_that_other_users_may_open(tmp_path: Path, name: str, mode: int) -> None:
    config = initialised(tmp_path / "vault")
    (config.parent / name).chmod(mode)
    done = tokenvault("serve", "--config", str(config), "--port", "1")
    assert done.returncode == 3
    assert "open to other users" in done.stderr
    assert "chmod" in done.stderr
    assert tokenvault("doctor", "--config", str(config)).returncode == 1
