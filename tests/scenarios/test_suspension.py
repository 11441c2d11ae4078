"""A merchant's life with a server that runs in other processes: suspended, resumed and removed by commands."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from cashfree_pg import Cashfree, CFEnvironment
from cashfree_pg.exceptions import ForbiddenException
from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import Emulator, instruments
from tests.support.served_process import TRY_AGAIN_SECONDS, served
from tokenvault_client import AsyncClient, Client, ForbiddenError

WITHIN_SECONDS = 1
"""How long a server may remember a merchant's state."""
LOAD_SECONDS = 5
"""How much longer a call may take on a busy machine."""


def run(*arguments: str) -> None:
    done = tokenvault(*arguments)
    assert done.returncode == 0, done.stderr


def awaited(running: Emulator, target: str, expected: int) -> Any:
    """Call until the answer has the expected status, and return its body."""
    never, deadline = Event(), time.monotonic() + WITHIN_SECONDS + LOAD_SECONDS
    while (answer := running.ask("GET", target))[0] != expected:
        assert time.monotonic() < deadline, answer
        never.wait(TRY_AGAIN_SECONDS)
    return answer[1]


def official(running: Emulator) -> Cashfree:
    """Return the drop-in for the official SDK, with the merchant's credentials."""
    return Cashfree(
        XEnvironment=CFEnvironment.SANDBOX,
        XClientId=running.client_id,
        XClientSecret=running.client_secret,
        XBaseUrl=running.base_url,
    )


def asks(running: Emulator) -> None:
    with Client(base_url=running.base_url, client_id=running.client_id, client_secret=running.client_secret) as client:
        client.fetch_instruments("asha")


async def asks_asynchronously(running: Emulator) -> None:
    async with AsyncClient(
        base_url=running.base_url, client_id=running.client_id, client_secret=running.client_secret
    ) as client:
        await client.fetch_instruments("asha")


def test_a_merchant_is_suspended_resumed_and_removed_while_it_is_served(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    config = ("--config", str(vault / "tokenvault.toml"))
    with served(vault) as running:
        path = instruments("asha", running.save("asha")["instrument_id"])
        merchant_id = running.partner_merchant_id

        run("merchant", "suspend", merchant_id, "--reason", "chargebacks", *config)
        body = awaited(running, path + "/cryptogram", 403)
        assert (body["code"], body["type"]) == ("merchant_suspended", "authentication_error")
        with pytest.raises(ForbiddenError) as refused:
            asks(running)
        assert (refused.value.code, refused.value.status) == ("merchant_suspended", 403)
        assert "do not replace them" in (refused.value.help or "")
        with pytest.raises(ForbiddenError, match="merchant_suspended"):
            asyncio.run(asks_asynchronously(running))
        with pytest.raises(ForbiddenException, match="merchant_suspended"):
            official(running).PGCustomerFetchInstruments("2023-08-01", "asha", "card")

        run("merchant", "resume", merchant_id, *config)
        assert len(awaited(running, path + "/cryptogram", 200)["cryptogram"]) == 28

        removed = run_json("merchant", "remove", merchant_id, "--confirm", merchant_id, *config)
        assert (removed["cards"], removed["secrets"], removed["waiting_tokens"]) == (1, 1, 0)
        assert awaited(running, path, 401)["code"] == "request_failed"
    shown = run_json("merchant", "show", merchant_id, *config)
    assert (shown["state"], shown["cards"]) == ("removed", {"deleted": 1})
    run("audit", "verify", *config)
