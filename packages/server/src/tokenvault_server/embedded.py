"""An emulator inside a Python process, for tests: real sockets, in a thread with an event loop of its own.

    with Emulator() as emulator:
        client = Client(base_url=emulator.base_url, client_id=emulator.client_id, client_secret=emulator.client_secret)
        ...
        emulator.clock.advance(days=30)
        emulator.reset()

Several emulators may run in one process. An emulator leaves nothing behind, unless `data` names a directory.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from tokenvault_server.emulator.announcement import Announcement
from tokenvault_server.emulator.captured_webhooks import CapturedWebhook
from tokenvault_server.emulator.control.dispatch import carry_out
from tokenvault_server.emulator.control.operations import ControlOperation, Returns, Takes
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.faults import FaultRule, FaultState, Match, Then
from tokenvault_server.emulator.journal import JournalEntry
from tokenvault_server.emulator.private_directory import private_directory
from tokenvault_server.emulator.seeds import Seed, SeedCard, SeedCustomer, read_seed
from tokenvault_server.emulator.snapshots import Snapshot
from tokenvault_server.emulator.steering import Steering
from tokenvault_server.emulator_bootstrap.parts import EmulatorOptions, LogLevel
from tokenvault_server.emulator_bootstrap.running import RunningEmulator, open_emulator, run_in_loop
from tokenvault_server.telemetry.logs import log_errors_of
from tokenvault_server.vault.audit_verification import AuditReport

__all__ = [
    "CapturedWebhook",
    "ControlError",
    "Emulator",
    "FaultRule",
    "FaultState",
    "JournalEntry",
    "Match",
    "Seed",
    "SeedCard",
    "SeedCustomer",
    "Snapshot",
    "Then",
]

_START_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 60.0


class Emulator(Steering):
    """An emulator in a thread. Its verbs are those of `Steering`; its addresses and credentials are attributes.

    `async with` works too: starting and stopping then do not block the event loop. The verbs take a millisecond, and
    are plain calls there as well.
    """

    base_url: str
    client_id: str
    client_secret: str
    partner_api_key: str
    partner_merchant_id: str
    webhook_secret: str
    console_url: str
    control_url: str
    directory: Path
    """Where its files are. It is removed at the end, unless `data` named it."""

    def __init__(  # noqa: PLR0913  # the options, each with one meaning and a default
        self,
        *,
        port: int = 0,
        admin_port: int = 0,
        seed: int | str | Path | Seed | Mapping[str, Any] | None = None,
        data: Path | str | None = None,
        rate_limits: bool = True,
        webhook_url: str | None = None,
        capture_webhooks: bool = True,
        strict: bool = False,
        log_level: LogLevel = "warning",
    ) -> None:
        """Describe an emulator; `with` starts it.

        Args:
            port: the API's port; 0 takes a free one.
            admin_port: the port of the status page and the control plane.
            seed: a number makes ids, tokens, keys and times reproducible; `"demo"` saves a demo card; a path, a `Seed`
                or its fields say what else is saved at the start.
            data: keeps everything in this directory.
            rate_limits: whether calls are counted.
            webhook_url: gets the events of the ready-made merchant.
            capture_webhooks: whether events are captured although nobody gets them.
            strict: whether requests beyond Cashfree's documented limits are rejected.
            log_level: how much is logged, where the program configures logging.
        """
        super().__init__(self._call)
        number = seed if isinstance(seed, int) else None
        self._options = EmulatorOptions(
            port=port,
            admin_port=admin_port,
            number=number,
            seed=_seed_of(seed),
            demo=seed == "demo",
            rate_limits=rate_limits,
            webhook_url=webhook_url,
            capture_webhooks=capture_webhooks,
            strict=strict,
            log_level=log_level,
        )
        self._data = Path(data) if data is not None else None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._running: RunningEmulator | None = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        """Name the address only."""
        return f"Emulator({getattr(self, 'base_url', 'not started')})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Start the emulator; return when it answers.

        Raises:
            SettingsError: an option, a port or a seed cannot be used.
        """
        if self._thread is not None:
            raise RuntimeError("the emulator runs already")
        self._started.clear()
        self._error = None
        self._thread = threading.Thread(target=self._run, name="tokenvault emulator", daemon=True)
        self._thread.start()
        answered = self._started.wait(_START_SECONDS)
        if error := self._failure():
            self._join()
            raise error
        if not answered:
            raise TimeoutError(f"the emulator did not start within {_START_SECONDS:.0f} s")

    def stop(self) -> None:
        """Stop the emulator, if it runs, and remove what it kept, unless `data` keeps it."""
        if self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._join()

    def verify_audit(self) -> AuditReport:
        """Verify the audit trail of the emulator's vault."""
        running, loop = self._reached()
        return asyncio.run_coroutine_threadsafe(running.verify_audit(), loop).result(_CALL_SECONDS)

    def _failure(self) -> BaseException | None:
        """Return why the emulator ended, if it did: the thread sets it."""
        return self._error

    def _join(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        self._running = None

    def _call(self, operation: ControlOperation[Takes, Returns], request: Takes) -> Returns:
        """Carry out an operation of the control plane in the emulator's event loop."""
        running, loop = self._reached()
        work = carry_out(running.control, operation, request)
        try:
            result: Returns = asyncio.run_coroutine_threadsafe(work, loop).result(_CALL_SECONDS)
        except ControlError as error:
            # The frames of the event loop say nothing to who wrote the test.
            raise error.with_traceback(None) from None
        return result

    def _reached(self) -> tuple[RunningEmulator, asyncio.AbstractEventLoop]:
        running, loop = self._running, self._loop
        if running is None or loop is None:
            raise RuntimeError("the emulator is not running: use it as `with Emulator() as emulator:`")
        return running, loop

    def _run(self) -> None:
        """Run the emulator in this thread until it is stopped."""
        with ExitStack() as cleanup:
            try:
                self.directory = self._data or cleanup.enter_context(private_directory())
                run_in_loop(self._serve(self.directory))
            except BaseException as error:  # noqa: BLE001  # raised again by `start`, in the thread that called it
                self._error = error
            finally:
                self._loop = self._stopped = None
                self._started.set()

    async def _serve(self, directory: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        log_errors_of(self._loop)
        async with open_emulator(self._options, directory) as running:
            self._running = running
            self._announce(running.announcement)
            await running.serve(self._started.set, self._stopped)

    def _announce(self, announcement: Announcement) -> None:
        for name in Announcement.__struct_fields__:
            setattr(self, name, getattr(announcement, name))


def _seed_of(seed: int | str | Path | Seed | Mapping[str, Any] | None) -> Seed | None:
    """Return what is saved at the start; None for a number, and for the demo card."""
    match seed:
        case None | int() | "demo":
            return None
        case Seed():
            return seed
        case str() | Path():
            return read_seed(Path(seed))
        case _:
            return msgspec.convert(seed, Seed)
