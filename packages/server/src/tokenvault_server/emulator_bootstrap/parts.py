"""The parts of an emulator: what the vault is built around, and what its control plane needs."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tokenvault_contract.operations import BASE_PATH
from tokenvault_server.background import BackgroundTasks
from tokenvault_server.bootstrap.api import Api
from tokenvault_server.bootstrap.seams import Seams
from tokenvault_server.bootstrap.vault import Vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.clock import Clock
from tokenvault_server.emulator.announcement import Announcement, DemoCard
from tokenvault_server.emulator.auth_diagnosis import AuthDiagnosis
from tokenvault_server.emulator.call_lines import CallLines
from tokenvault_server.emulator.captured_webhooks import CapturedWebhooks
from tokenvault_server.emulator.clock import MovableClock
from tokenvault_server.emulator.connections import SteeredApp
from tokenvault_server.emulator.credentials import Credentials
from tokenvault_server.emulator.faults import FaultRules
from tokenvault_server.emulator.interception import Interception
from tokenvault_server.emulator.journal import Journal
from tokenvault_server.emulator.payments.setup import Journey
from tokenvault_server.emulator.randomness import SeededSource
from tokenvault_server.emulator.token_service_faults import FaultyTokenService
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.tsp.circuit import State as CircuitState

if TYPE_CHECKING:
    from tokenvault_server.emulator.seeds import Seed

LOOPBACK: Final = "127.0.0.1"
_KEY_CHECK: Final = b"tokenvault emulator master key"

LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """What an emulator is like."""

    host: str = LOOPBACK
    port: int = 0
    admin_port: int = 0
    number: int | None = None
    """The seed of ids, tokens, keys and times; None for random ones and the machine's time."""
    seed: Seed | None = None
    """What is saved at the start."""
    seed_files: tuple[Path, ...] = ()
    """Files with more of it."""
    demo: bool = False
    """Whether a demo card is saved at the start."""
    rate_limits: bool = True
    webhook_url: str | None = None
    capture_webhooks: bool = True
    """Whether a merchant without an endpoint gets one that only captures."""
    strict: bool = False
    tracing: bool = False
    log_level: LogLevel = "warning"
    call_lines: CallLines | None = None
    """Prints a line for each call."""


@dataclass(slots=True)
class Steered:
    """The parts that exist before the vault, because it is built around them."""

    clock: MovableClock
    base: Clock
    source: SeededSource | None
    rules: FaultRules
    interception: Interception
    journal: Journal
    captured: CapturedWebhooks

    @property
    def seams(self) -> Seams:
        """What the vault is built with."""
        return Seams(
            provider=partial(FaultyTokenService, wait=self.interception.wait),
            connector=self.captured.connector,
        )


@dataclass
class EmulatorParts:
    """An open vault with its API, and what steers them."""

    options: EmulatorOptions
    vault: Vault
    api: Api
    app: SteeredApp
    metrics: Metrics
    diagnosis: AuthDiagnosis
    credentials: Credentials
    sockets: tuple[socket.socket, socket.socket]
    background_tasks: BackgroundTasks
    steered: Steered
    journey: Journey
    demo: DemoCard | None = None

    @cached_property
    def announcement(self) -> Announcement:
        """What the emulator prints when it is ready."""
        api_socket, admin_socket = self.sockets
        return announce(self.credentials, self.options.host, api_socket.getsockname()[1], admin_socket.getsockname()[1])

    @cached_property
    def key_check(self) -> str:
        """What tells this emulator's master key from that of others: a hash that says nothing about the key."""
        file = Path(self.vault.settings.key_provider.removeprefix("file:"))
        return sha256(_KEY_CHECK + file.read_bytes()).hexdigest()

    @property
    def engines(self) -> dict[str, Engine]:
        """All databases of the emulator, by the names that they have in a snapshot."""
        return {"vault": self.vault.engine, **self.vault.local_engines, "payments": self.journey.engine}

    def task_count(self) -> int:
        """Return how many periodic tasks wait on the clock when nothing is being done."""
        return len(self.background_tasks) + len(self.api.background_tasks or ())

    async def forget(self) -> None:
        """Have everything forget what it knows of the databases, and everything that happened."""
        await self.api.forget()
        await self.diagnosis.forget()
        for watch in self.vault.key_watches:
            watch.forget()
        for provider in self.vault.providers:
            for circuit in provider.circuits:
                circuit.answered(trial=circuit.state is not CircuitState.CLOSED)
        self.steered.journal.clear()
        self.steered.captured.clear()


def announce(credentials: Credentials, host: str, port: int, admin_port: int) -> Announcement:
    """Return what the emulator prints when it is ready. An address that means "all" is shown as this machine's."""
    shown = LOOPBACK if host in {"0.0.0.0", "::", ""} else f"[{host}]" if ":" in host else host  # noqa: S104  # compared
    admin = f"http://{LOOPBACK}:{admin_port}"
    return Announcement(
        base_url=f"http://{shown}:{port}{BASE_PATH}",
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        partner_api_key=credentials.partner_api_key,
        partner_merchant_id=credentials.merchant_id,
        webhook_secret=credentials.client_secret,
        console_url=f"{admin}/",
        control_url=f"{admin}/_emulator/{credentials.control_token}",
    )
