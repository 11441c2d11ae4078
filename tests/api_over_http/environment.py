"""A vault behind a socket in this process, so that a test can make its parts fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.api_over_http.cases import assert_ours
from tests.server.api.calls import changed
from tests.support.builders import settings_in
from tests.support.clock import SettableClock
from tests.support.emulator_process import Emulator, instruments
from tests.support.http_client import Answer
from tests.support.tsp import ScriptedTsp, scripted
from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.bootstrap import Api, Vault, build_app, open_vault
from tokenvault_server.listeners import listen, server_for
from tokenvault_server.telemetry.metrics import Metrics

BUDGET = 20


class Environment:
    """A vault behind a socket, its merchant, and the parts of it that can be made to fail."""

    def __init__(self, vault: Vault, script: ScriptedTsp, merchant: Emulator) -> None:
        self.vault = vault
        self.script = script
        self.merchant = merchant

    async def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        """Asks from a thread, so that the vault can answer from this one."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}

        def call() -> Answer:
            with self.merchant.connection() as connection:
                return connection.ask(method, target, body, sent)

        return await asyncio.to_thread(call)

    async def save(self) -> str:
        """Saves a card and gives its path."""
        saved = assert_ours(await self.ask("POST", instruments("asha"), changed()))
        assert saved.status == 201, saved
        return instruments("asha", saved.json()["instrument_id"])


@asynccontextmanager
async def serving(vault: Vault) -> AsyncIterator[str]:
    """Serves a vault on a free port of this loop and gives its base URL."""
    api = Api(vault.settings, vault)
    app = build_app(vault.settings, Metrics(), api, vault.clock)
    await app.open()
    listener = listen("127.0.0.1", 0)
    server = server_for(app, drain_seconds=1)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/pg"
    server.should_exit = True
    await task
    await api.stop()


@asynccontextmanager
async def a_world(folder: Path, **changes: object) -> AsyncIterator[Environment]:
    """Founds a vault with small budgets and some settings changed, and serves it."""
    budgets = {operation.key: BUDGET for operation in OPERATIONS}
    changes = {"rate_limit_per_operation": budgets, "access_log": False} | changes
    whole = await open_vault(settings_in(folder, **changes), SettableClock(), initialise=True)
    vault, script = scripted(whole)
    added = await vault.merchants.add("Shop", "tests")
    async with serving(vault) as base_url:
        secret = added.client_secret.reveal()
        merchant_id = added.merchant.merchant_id
        yield Environment(
            vault, script, Emulator(base_url, added.merchant.client_id, secret, "", merchant_id, "", "", "")
        )
    await whole.close()
