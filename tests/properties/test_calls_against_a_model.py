"""Random calls of two merchants, with keys, a moving clock, crashes and restarts, compared with a model."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.properties.model import (
    CARDS_PER_CUSTOMER,
    CRYPTOGRAM_LIFE,
    KEY_LIFE,
    LEASE,
    MINUTE,
    TOMBSTONE_LIFE,
    Answered,
    Call,
    Expected,
    Merchant,
)
from tests.server.api.calls import Client, changed
from tests.support.builders import MASTERCARD, VISA, settings_in
from tests.support.clock import NOW, SettableClock
from tests.support.databases import BOTH, POSTGRESQL, SQLITE, Stores, TestServer
from tests.support.effort import effort
from tests.support.memory import folder_in_memory
from tests.support.tsp import ScriptedTsp, scripted
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.errors import TokenServiceUnavailableError

EXAMPLES = effort(36, 600)
"""Histories on SQLite; PostgreSQL gets a sixth of them."""
STEPS = effort(40, 60)

SHOPS = ("Corner Shop", "Next door")
LIFETIMES = {
    "an instant": 1,
    "a lease": LEASE,
    "a cryptogram": CRYPTOGRAM_LIFE,
    "a key": KEY_LIFE,
    "a tombstone": TOMBSTONE_LIFE,
}
NEWEST = "2026-01-01"
TIMEOUT_SECONDS = 20
VERBS = ("provision", "cryptogram")
UNKNOWN = "019ad000-0000-7000-8000-000000000000"

shops = st.sampled_from(range(len(SHOPS)))
customers = st.sampled_from(["asha", "ravi"])
names = st.sampled_from(["k1", "k2"])
keys = st.none() | names
versions = st.sampled_from([NEWEST, NEWEST, NEWEST, "2022-01-01"])
FAR = {"card__card_expiry_yy": "2039"}
bodies = st.sampled_from(
    [changed(card__card_number=pan, afa_reference=reference, **FAR) for pan in (VISA, MASTERCARD) for reference in "12"]
)
wrong_bodies = st.sampled_from(
    [
        (changed(card__card_number="4706131211212124", **FAR), "card_number_invalid"),
        (changed(card__card_number="4111111111111111", **FAR), "card_not_supported"),
        (changed(afa_reference=None, **FAR), "afa_reference_missing"),
    ]
)

Saved = tuple[int, str, str]
Sent = tuple[int, Call, str, str]
"""The merchant, the call, its key, and the card of its answer."""


class Environment:
    """The vault under test: its files, the process that uses them, and the processes that were killed."""

    def __init__(self, stores: Stores | None) -> None:
        self.clock = SettableClock(NOW - NOW % MINUTE)
        self.folder = Path(tempfile.mkdtemp(dir=folder_in_memory()))
        self.settings = settings_in(
            self.folder / "vault",
            rate_limits=False,
            instruments_per_customer=CARDS_PER_CUSTOMER,
            **(stores._asdict() if stores else {}),
        )
        self.opened: list[tuple[Vault, Api]] = []
        self.stopped: list[asyncio.Task[Answered]] = []
        self.clients: list[Client] = []
        self.script: ScriptedTsp

    async def initialise(self) -> None:
        """Initialise the vault and add its merchants."""
        vault = await open_vault(self.settings, self.clock, initialise=True)
        await vault.audit.begin()
        merchants = [await vault.merchants.add(name, "tests") for name in SHOPS]
        await vault.close()
        await self.open(merchants)

    async def open(self, merchants: list[Any]) -> None:
        """Open the vault as a new process."""
        vault, self.script = scripted(await open_vault(self.settings, self.clock))
        api = Api(vault.settings, vault)
        pipeline = await api.start()
        self.opened.append((vault, api))
        self.clients = [Client(vault, pipeline, merchant) for merchant in merchants]

    async def reopen(self) -> None:
        """Continue with a new process and leave the old one as it is."""
        await self.open([client.merchant for client in self.clients])

    async def restart(self) -> None:
        """Stop the process cleanly and start another."""
        vault, api = self.opened.pop()
        await api.stop()
        await vault.close()
        await self.reopen()

    async def ask(self, shop: int, call: Call, key: str | None) -> Answered:
        """Send a call and read its answer."""
        method, path = _target(call)
        answer = await self.clients[shop].call(
            method, path, body=call.body, x_idempotency_key=key, x_api_version=call.version
        )
        assert answer.headers.get("x-idempotency-key") == key
        code = answer.body.get("code", "") if isinstance(answer.body, dict) else ""
        return Answered(
            answer.status, code, answer.headers["x-idempotency-replayed"] == "true", answer.raw, answer.body
        )

    async def crash_in(self, shop: int, call: Call, key: str) -> None:
        """Start a call, and kill the process when the call reaches the token service."""
        reached = asyncio.Event()

        async def stop() -> None:
            reached.set()
            await asyncio.Event().wait()

        self.script.meanwhile = stop
        self.stopped.append(asyncio.create_task(self.ask(shop, call, key)))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await reached.wait()
        await self.reopen()

    async def run_background_tasks(self) -> None:
        """Run every background task once."""
        vault, _ = self.opened[-1]
        await vault.daily_keys.rotate()
        await vault.idempotency_keys.sweep()
        await vault.instruments.forget_old_tombstones()
        await vault.outbox_tasks.run_due()
        await vault.token_service.sweep()
        await vault.audit.checkpoint()

    async def close(self) -> None:
        """Check the audit trail and close every process."""
        vault, _ = self.opened[-1]
        await vault.audit.checkpoint()
        report = await vault.verify_audit()
        assert report.findings == []
        for task in self.stopped:
            task.cancel()
        await asyncio.gather(*self.stopped, return_exceptions=True)
        for vault, api in self.opened:
            await api.stop()
            await vault.close()
        shutil.rmtree(self.folder)


def _target(call: Call) -> tuple[str, str]:
    everything = f"/pg/customers/{call.customer}/instruments"
    one = f"{everything}/{call.instrument}"
    return {
        "list": ("GET", everything),
        "enrol": ("POST", everything),
        "fetch": ("GET", one),
        "cryptogram": ("GET", one + "/cryptogram"),
        "delete": ("DELETE", one),
    }[call.operation]


class Calls(RuleBasedStateMachine):
    """Makes random calls and events; after each call the vault and the model must agree."""

    saved: Bundle[Saved] = Bundle("saved")

    def __init__(self, server: TestServer | None) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.databases = ExitStack()
        self.environment = Environment(self.databases.enter_context(server.stores()) if server else None)
        self.loop.run(self.environment.initialise())
        self.models = [Merchant() for _ in SHOPS]
        self.has_outage = False
        self.seen: set[str] = set()
        self.sent: list[Sent] = []

    def teardown(self) -> None:
        self.loop.run(self.environment.close())
        self.loop.close()
        self.databases.close()

    @initialize(target=saved, body=bodies)
    def save_a_card_at_every_shop(self, body: bytes) -> Any:
        call = Call("enrol", "asha", body=body, version=NEWEST)
        answers = [self.ask(shop, call, None) for shop in range(len(SHOPS))]
        return multiple(*((shop, "asha", answer.body["instrument_id"]) for shop, answer in enumerate(answers)))

    @rule(target=saved, shop=shops, customer=customers, body=bodies, version=versions, key=keys)
    def enrol(self, shop: int, customer: str, body: bytes, version: str, key: str | None) -> Any:
        answer = self.ask(shop, Call("enrol", customer, body=body, version=version), key)
        return (shop, customer, answer.body["instrument_id"]) if answer.status == 201 else multiple()

    @rule(shop=shops, customer=customers, wrong=wrong_bodies, version=versions, key=keys)
    def enrol_an_invalid_card(
        self, shop: int, customer: str, wrong: tuple[bytes, str], version: str, key: str | None
    ) -> None:
        body, fault = wrong
        self.ask(shop, Call("enrol", customer, body=body, version=version, fault=fault), key)

    @rule(operation=st.sampled_from(["list", "fetch"]), card=saved, version=versions, key=keys)
    def read(self, operation: str, card: Saved, version: str, key: str | None) -> None:
        shop, customer, instrument = card
        self.ask(shop, Call(operation, customer, instrument if operation == "fetch" else "", version=version), key)

    @rule(card=saved, version=versions, key=keys)
    def pay(self, card: Saved, version: str, key: str | None) -> None:
        shop, customer, instrument = card
        self.ask(shop, Call("cryptogram", customer, instrument, version=version), key)

    @rule(card=saved, version=versions, key=keys)
    def delete(self, card: Saved, version: str, key: str | None) -> None:
        shop, customer, instrument = card
        self.ask(shop, Call("delete", customer, instrument, version=version), key)

    @rule(operation=st.sampled_from(["fetch", "cryptogram", "delete"]), card=saved, is_known=st.booleans(), key=keys)
    def use_a_card_of_somebody_else(self, operation: str, card: Saved, is_known: bool, key: str | None) -> None:
        shop, customer, instrument = card
        stranger = (1 - shop, customer) if is_known else (shop, "stranger")
        self.ask(stranger[0], Call(operation, stranger[1], instrument if is_known else UNKNOWN, version=NEWEST), key)

    @precondition(lambda self: self.sent)
    @rule(target=saved, back=st.integers(1, 6))
    def repeat_a_call(self, back: int) -> Any:
        shop, call, key, _ = self.sent[-min(back, len(self.sent))]
        answer = self.ask(shop, call, key)
        is_new = answer.status == 201 and not answer.replayed
        return (shop, call.customer, answer.body["instrument_id"]) if is_new else multiple()

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(1, 6))
    def delete_the_card_and_repeat_a_call_about_it(self, back: int) -> None:
        shop, call, key, card = self.sent[-min(back, len(self.sent))]
        self.ask(shop, Call("delete", call.customer, card or UNKNOWN, version=NEWEST), None)
        self.ask(shop, call, key)

    @rule(moment=st.sampled_from(sorted(LIFETIMES)), early=st.booleans())
    def let_time_pass(self, moment: str, early: bool) -> None:
        """Move the clock to the microsecond at which a lifetime that began now ends, or to the one before."""
        self.environment.clock.at += LIFETIMES[moment] - early

    @rule(event=st.sampled_from(["background tasks", "restart", "crash", "outage"]))
    def let_something_happen(self, event: str) -> None:
        """Run the background tasks, end or kill the process, or make the token service fail once."""
        match event:
            case "background tasks":
                self.loop.run(self.environment.run_background_tasks())
            case "restart":
                self.loop.run(self.environment.restart())
            case "crash":
                self.loop.run(self.environment.reopen())
            case _:
                self.has_outage = True

    @rule(card=saved, customer=customers, body=bodies, is_enrolment=st.booleans(), key=names)
    def crash_in_a_call(self, card: Saved, customer: str, body: bytes, is_enrolment: bool, key: str) -> None:
        shop, owner, instrument = card
        call = Call("cryptogram", owner, instrument, version=NEWEST)
        if is_enrolment:
            call = Call("enrol", customer, body=body, version=NEWEST)
        if self.models[shop].can_act(call, key, self.environment.clock.at):
            self.sent.append((shop, call, key, call.instrument))
            self.models[shop].crash_in(call, key, self.environment.clock.at)
            self.loop.run(self.environment.crash_in(shop, call, key))

    def ask(self, shop: int, call: Call, key: str | None) -> Answered:
        """Send a call and compare the answer with the model's."""
        model, now = self.models[shop], self.environment.clock.at
        expected = model.expect(call, key, now, has_outage=self.has_outage)
        if self.has_outage:
            self.environment.script.failures |= {verb: TokenServiceUnavailableError() for verb in VERBS}
        answer = self.loop.run(self.environment.ask(shop, call, key))
        self.environment.script.failures.clear()
        self.has_outage = False
        self.compare(call, expected, answer)
        model.learn(call, key, now, answer)
        if key:
            card = str(answer.body["instrument_id"]) if answer.status == 201 else call.instrument
            self.sent.append((shop, call, key, card))
        return answer

    def compare(self, call: Call, expected: Expected, answer: Answered) -> None:
        assert (answer.status, answer.replayed) == (expected.status, expected.replayed), answer.raw
        if expected.raw is not None:
            assert answer.raw == expected.raw
            return
        assert answer.code == expected.code
        if expected.essence is not None:
            assert _essence(call, answer.body) == expected.essence
        if call.operation == "cryptogram" and answer.status == 200:
            assert answer.body["cryptogram"] not in self.seen
            self.seen.add(answer.body["cryptogram"])


def _essence(call: Call, body: Any) -> object:
    """Return the part of a body that does not depend on its version."""
    match call.operation:
        case "list":
            return [card["instrument_id"] for card in body]
        case "delete":
            return body["instrument_status"]
        case _:
            return body["instrument_id"]


@pytest.mark.parametrize(("kind", "examples"), [(SQLITE, EXAMPLES), (POSTGRESQL, EXAMPLES // 6)], ids=BOTH)
def test_the_vault_answers_as_the_model_does(
    kind: str, examples: int, postgres_servers: Callable[[str], TestServer]
) -> None:
    server = None if kind == SQLITE else postgres_servers(kind)
    run_state_machine_as_test(
        lambda: Calls(server),  # type: ignore[arg-type]  # any factory works
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
