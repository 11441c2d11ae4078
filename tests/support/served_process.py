"""A `tokenvault serve` in a process of its own, on a vault that `init` made, with a merchant that a command added."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import START_SECONDS, STOP_SECONDS, Emulator
from tokenvault_server.settings import CONFIG_FILE

TRY_AGAIN_SECONDS = 0.02
NOTHING: Mapping[str, str] = {}


@contextmanager
def served(
    folder: Path, log: Path | None = None, *, level: str = "warning", stores: Sequence[str] = (), workers: int = 1
) -> Iterator[Emulator]:
    """Serve a vault without rate limits until the block ends; it must then exit cleanly."""
    with started(folder, log, level=level, stores=stores, workers=workers) as (running, process):
        try:
            yield running
        finally:
            process.terminate()
            code = process.wait(STOP_SECONDS)
        assert code == 0, f"serve ended with {code} on SIGTERM"


def initialised(folder: Path, stores: Sequence[str] = ()) -> Path:
    """Make a vault in a folder unless there is one; return its configuration.

    `stores` are the URLs of its database and of its token service's. Without them both are SQLite files.
    """
    config = folder / CONFIG_FILE
    if config.exists():
        return config
    if not stores:
        shutil.copytree(_template(), folder, dirs_exist_ok=True)
        return config
    urls = [f"--{name}={url}" for name, url in zip(("store", "tsp-store"), stores, strict=True)]
    done = tokenvault("init", str(folder), *urls)
    assert done.returncode == 0, done.stderr
    return config


@cache
def _template() -> Path:
    """Make the vault that tests copy: one `init` for each test process."""
    folder = Path(tempfile.mkdtemp(prefix="tokenvault-template-"))
    atexit.register(shutil.rmtree, folder)
    done = tokenvault("init", str(folder / "vault"))
    assert done.returncode == 0, done.stderr
    return folder / "vault"


@contextmanager
def started(
    folder: Path,
    log: Path | None = None,
    *,
    level: str = "warning",
    stores: Sequence[str] = (),
    workers: int = 1,
    merchant: dict[str, str] | None = None,
    tls: Path | None = None,
    further: Mapping[str, str] = NOTHING,
) -> Iterator[tuple[Emulator, subprocess.Popen[bytes]]]:
    """Serve a vault, which is made unless there is one. The block must end the server.

    The callers' merchant is a new one, unless `merchant` names one that a command made before. `tls` is a PEM file with
    a key and a certificate. `further` are settings.
    """
    config = initialised(folder, stores)
    merchant = merchant or run_json("merchant", "add", "Corner Shop", "--config", str(config))
    port, admin_port = free_port(), free_port()
    environ = {"PORT": port, "ADMIN_PORT": admin_port, "LOG_LEVEL": level, "RATE_LIMITS": "false", **further}
    if tls:
        environ |= {"TLS_CERTIFICATE": str(tls), "TLS_KEY": str(tls)}
    command = [sys.executable, "-m", "tokenvault_server", "serve", "--config", str(config), f"--workers={workers}"]
    settings = os.environ | {f"TOKENVAULT_{name}": str(value) for name, value in environ.items()}
    with (
        log.open("ab") if log else nullcontext() as errors,
        # A process group of its own, so that its workers can be killed with it. Standard output ends when all are gone.
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=settings, start_new_session=True
        ) as process,
    ):
        try:
            await_answers(port, process)
            yield described(merchant, port, admin_port, "https" if tls else "http"), process
        finally:
            kill_all(process)


def kill_all(process: subprocess.Popen[Any]) -> None:
    """Kill a process at once, and the workers in its group."""
    process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def described(merchant: dict[str, str], port: int, admin_port: int, scheme: str = "http") -> Emulator:
    """Describe a served vault as an emulator describes itself; it has no partner and no controls."""
    return Emulator(
        base_url=f"{scheme}://127.0.0.1:{port}/pg",
        client_id=merchant["client_id"],
        client_secret=merchant["client_secret"],
        partner_api_key="",
        partner_merchant_id=merchant["merchant_id"],
        webhook_secret=merchant["client_secret"],
        console_url=f"http://127.0.0.1:{admin_port}/",
        control_url="",
    )


def await_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the port takes connections."""
    never = Event()
    for _ in range(int(START_SECONDS / TRY_AGAIN_SECONDS)):
        assert process.poll() is None, f"serve ended with {process.returncode} instead of answering"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        never.wait(TRY_AGAIN_SECONDS)
    raise AssertionError(f"serve did not answer for {START_SECONDS} seconds")


def free_port() -> int:
    """Return a port that nobody listens on at the moment, and that the system gives to nobody who asks for any port."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the ports never end")


def _below_the_systems() -> Iterator[int]:
    """Yield ports below those that the system chooses from; each test process begins elsewhere."""
    first, count = 12_000, 18_000
    begin = os.getpid() * 61 % count
    while True:
        yield first + begin
        begin = (begin + 1) % count


_PORTS = _below_the_systems()
