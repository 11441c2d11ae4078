"""A `tokenvault serve` in a process of its own: founded by `init`, with a merchant that the command line added."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event
from typing import Any

from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import START_SECONDS, STOP_SECONDS, Emulator

TRY_AGAIN_SECONDS = 0.02


@contextmanager
def served(
    folder: Path, log: Path | None = None, *, level: str = "warning", stores: Sequence[str] = (), workers: int = 1
) -> Iterator[Emulator]:
    """Runs a vault without rate limits until the block ends, then has it drain: it must exit cleanly."""
    with started(folder, log, level=level, stores=stores, workers=workers) as (running, process):
        try:
            yield running
        finally:
            process.terminate()
            code = process.wait(STOP_SECONDS)
        assert code == 0, f"serve ended with {code} on SIGTERM"


def founded(folder: Path, stores: Sequence[str] = ()) -> Path:
    """Founds a vault where there is none; gives its configuration.

    `stores` are the URLs of its database and of its token service's, where they are not SQLite's.
    """
    config = folder / "tokenvault.toml"
    if not config.exists():
        where = [f"--{name}={url}" for name, url in zip(("store", "tsp-store"), stores, strict=False)]
        done = tokenvault("init", str(folder), *where)
        assert done.returncode == 0, done.stderr
    return config


@contextmanager
def started(
    folder: Path,
    log: Path | None = None,
    *,
    level: str = "warning",
    stores: Sequence[str] = (),
    workers: int = 1,
    merchant: dict[str, str] | None = None,
) -> Iterator[tuple[Emulator, subprocess.Popen[bytes]]]:
    """Founds a vault where there is none, and serves it; its end is the block's own business.

    Callers are a new merchant, unless there is a `merchant` that the command line has told of before.
    """
    config = founded(folder, stores)
    merchant = merchant or run_json("merchant", "add", "Corner Shop", "--config", str(config))
    port, admin_port = free_port(), free_port()
    environ = {"PORT": port, "ADMIN_PORT": admin_port, "LOG_LEVEL": level, "RATE_LIMITS": "false"}
    command = [sys.executable, "-m", "tokenvault_server", "serve", "--config", str(config), f"--workers={workers}"]
    settings = os.environ | {f"TOKENVAULT_{name}": str(value) for name, value in environ.items()}
    with (
        log.open("ab") if log else nullcontext() as errors,
        # A group of its own, to be killed with its worker; standard output tells when both are gone.
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=settings, start_new_session=True
        ) as process,
    ):
        try:
            await_answers(port, process)
            yield described(merchant, port, admin_port), process
        finally:
            kill_all(process)


def kill_all(process: subprocess.Popen[Any]) -> None:
    """Kills a process at once, and the workers in its group, whatever is left of them."""
    process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def described(merchant: dict[str, str], port: int, admin_port: int) -> Emulator:
    """Gives what an emulator would tell of itself; a served vault has no ready partner and no controls."""
    return Emulator(
        base_url=f"http://127.0.0.1:{port}/pg",
        client_id=merchant["client_id"],
        client_secret=merchant["client_secret"],
        partner_api_key="",
        partner_merchant_id=merchant["merchant_id"],
        webhook_secret=merchant["client_secret"],
        console_url=f"http://127.0.0.1:{admin_port}/",
        control_url="",
    )


def await_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when the port takes connections."""
    never = Event()
    for _ in range(int(START_SECONDS / TRY_AGAIN_SECONDS)):
        assert process.poll() is None, f"serve ended with {process.returncode} instead of answering"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        never.wait(TRY_AGAIN_SECONDS)
    raise AssertionError(f"serve did not answer for {START_SECONDS} seconds")


def free_port() -> int:
    """Gives a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
