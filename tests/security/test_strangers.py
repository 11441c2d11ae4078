"""Strangers: whoever has no valid credentials can neither fill the audit trail, nor hide in it, nor cause much work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest

from tests.server.api.calls import INSTRUMENTS, LATEST, Client
from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.engines import ReadCounter
from tests.support.signatures import signature
from tokenvault_server.api.asgi import AsgiApp
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys import client_signature
from tokenvault_server.telemetry.access_log import AccessLog
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.vault.auth_failures import AuthFailures
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.partners import Partners

BUDGET = 5
FLOOD = 4_000
A_FEW = 22
"""What one chain may get in a minute: an entry and a later count, for ten addresses and for all others."""

ONE_NETWORK = [str(IPv6Address("2001:db8:0:7::") + number) for number in range(FLOOD)]
MANY_NETWORKS = [str(IPv6Address("2001:db8::") + (number << 64)) for number in range(FLOOD)]
MANY_ADDRESSES = [str(IPv4Address("198.18.0.0") + number) for number in range(FLOOD)]
MAPPED_ADDRESSES = [f"::ffff:{address}" for address in MANY_ADDRESSES]
FLOODS = {
    "one /64": ONE_NETWORK,
    "many /64": MANY_NETWORKS,
    "many IPv4 addresses": MANY_ADDRESSES,
    "many mapped addresses": MAPPED_ADDRESSES,
    "all of them": [*ONE_NETWORK, *MANY_NETWORKS, *MANY_ADDRESSES, *MAPPED_ADDRESSES],
}
GUESSER = "203.0.113.9"


# The audit trail


@pytest.fixture
def auth_failures(vault: Vault) -> AuthFailures:
    return AuthFailures(vault.engine, vault.audit, vault.clock)


async def refused(vault: Vault, chain: str) -> list[tuple[str, int]]:
    """Return the address and the count of each entry about failures in a chain."""
    entries = await audit_entries(vault, chain)
    return [
        (entry["origin"], entry["details"]["count"]) for entry in entries if entry["action"] == "authentication.refused"
    ]


@pytest.mark.parametrize("addresses", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_strangers_writes_a_few_entries_and_displaces_no_failure_of_a_merchant(
    vault: Vault, client: Client, auth_failures: AuthFailures, clock: SettableClock, addresses: list[str]
) -> None:
    merchant_id = client.merchant.merchant.merchant_id
    for number, address in enumerate(addresses):
        auth_failures.record(None, address, "")
        if number in {0, len(addresses) // 2, len(addresses) - 1}:
            auth_failures.record(merchant_id, GUESSER, "req_guess")
    clock.advance(minutes=1)
    await auth_failures.flush()
    assert await refused(vault, merchant_id) == [(GUESSER, 1), (GUESSER, 2)]
    strangers = await refused(vault, vault.vault_id)
    assert len(strangers) <= A_FEW
    assert sum(number for _, number in strangers) == len(addresses)


@pytest.mark.parametrize("addresses", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_guesses_at_one_merchant_is_counted_in_its_chain_in_a_few_entries(
    vault: Vault, client: Client, auth_failures: AuthFailures, clock: SettableClock, addresses: list[str]
) -> None:
    other = (await vault.merchants.add("Other", "tests")).merchant.merchant_id
    for address in addresses:
        auth_failures.record(client.merchant.merchant.merchant_id, address, "")
    auth_failures.record(other, GUESSER, "")
    clock.advance(minutes=1)
    await auth_failures.flush()
    guesses = await refused(vault, client.merchant.merchant.merchant_id)
    assert len(guesses) <= A_FEW
    assert sum(number for _, number in guesses) == len(addresses)
    assert await refused(vault, other) == [(GUESSER, 1)]


async def test_guesses_at_many_merchants_leave_each_chain_its_own_count(vault: Vault, clock: SettableClock) -> None:
    auth_failures = AuthFailures(vault.engine, vault.audit, clock, max_windows=4)
    merchants = [(await vault.merchants.add(f"Shop {number}", "tests")).merchant.merchant_id for number in range(5)]
    for merchant_id in merchants:
        for address in MANY_ADDRESSES[:3]:
            auth_failures.record(merchant_id, address, "")
    clock.advance(minutes=1)
    await auth_failures.flush()
    totals = [sum(number for _, number in await refused(vault, merchant_id)) for merchant_id in merchants]
    assert totals == [3] * 5


# Exhausted addresses, through the whole pipeline


class CountingOpener:
    """Opens signatures, and records how often, how many at once and in which threads."""

    def __init__(self) -> None:
        self.calls = 0
        self.most = 0
        self.threads: set[int] = set()
        self.began = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, private: Secret[bytes], sent: bytes) -> list[bytes]:
        with self._lock:
            self.calls += 1
            self._now += 1
            self.most = max(self.most, self._now)
            self.threads.add(threading.get_ident())
        self.began.release()
        try:
            assert self.may_end.wait(30)
            return client_signature.opened(private, sent)
        finally:
            with self._lock:
                self._now -= 1


class Watched:
    """A served vault whose work for callers is counted."""

    def __init__(self, vault: Vault) -> None:
        self.opener = CountingOpener()
        self.store = ReadCounter(vault.engine)
        self.vault = replace(
            vault,
            settings=msgspec.structs.replace(vault.settings, rate_limit_per_address=BUDGET),
            merchants=Merchants(self.store, vault.keyring, vault.sealer, vault.row_tags, vault.audit, vault.clock),
            partners=Partners(self.store, vault.sealer, vault.row_tags, vault.audit, vault.clock),
            client_signatures=ClientSignatures(
                self.store, vault.keyring, vault.audit, vault.clock, open_signature=self.opener
            ),
        )
        self.api = Api(self.vault.settings, self.vault)

    @property
    def work(self) -> tuple[int, int]:
        """How often the store was read, and how many signatures were opened."""
        return self.store.reads, self.opener.calls


@pytest.fixture
async def watched(vault: Vault) -> AsyncIterator[Watched]:
    served = Watched(vault)
    yield served
    await served.api.stop()


@pytest.fixture
async def client(watched: Watched) -> Client:
    return Client(watched.vault, await watched.api.start(), await watched.vault.merchants.add("Shop", "tests"))


GUESSES: dict[str, dict[str, Any]] = {
    "a secret": {"x_client_secret": "tvsk_wrong"},
    "a signature": {"x_client_secret": None, "x_client_signature": "QUJD" * 86},
    "a signature for nobody": {"x_client_id": "nobody", "x_client_secret": None, "x_client_signature": "QUJD" * 86},
    "a partner's key": {"x_partner_apikey": "tvpk_wrong"},
    "a partner's key for a merchant id": {"x_partner_apikey": "tvpk_wrong", "x_partner_merchantid": "mer_nobody"},
    "nothing": {"x_client_id": None, "x_client_secret": None},
    "no route": {"path": "/nowhere", "x_client_secret": "tvsk_wrong"},
    "ids that are slow to check": {
        "path": f"/pg/customers/{'1' * 128}/instruments/{'2' * 128}",
        "x_request_id": "1" * 128,
        "x_idempotency_key": "2" * 128,
        "x_client_secret": "tvsk_wrong",
    },
}


async def exhaust(client: Client, origin: str) -> None:
    """Use up the budget of an address."""
    for number in range(BUDGET):
        assert (await client.call(x_client_secret=f"tvsk_wrong{number}", origin=origin)).status == 401


@pytest.mark.parametrize("guess", GUESSES.values(), ids=GUESSES)
async def test_an_exhausted_address_is_refused_before_any_work(
    watched: Watched, client: Client, guess: dict[str, Any]
) -> None:
    await exhaust(client, "2001:db8::1")
    before = watched.work
    for origin in ("2001:db8::1", "2001:DB8:0:0:9::", "2001:db8::1%eth0"):
        answer = await client.call(**guess, origin=origin)
        assert (answer.status, answer.headers["x-ratelimit-type"]) == (429, "ip")
        assert int(answer.headers["x-ratelimit-retry"]) > 0
        assert answer.headers["x-request-id"].startswith("req_")
    assert watched.work == before


async def test_a_mapped_address_pays_for_the_same_budget_as_the_ipv4_address(client: Client) -> None:
    await exhaust(client, "::ffff:192.0.2.66")
    for origin, status in (("192.0.2.66", 429), ("::FFFF:C000:242", 429), ("192.0.2.67", 401)):
        assert (await client.call(x_client_secret="tvsk_wrong", origin=origin)).status == status


async def test_failures_beyond_the_budget_are_counted_in_metrics_and_not_in_the_audit_trail(
    watched: Watched, client: Client
) -> None:
    metrics = Metrics()
    app = AsgiApp(watched.api, AccessLog(None), metrics, watched.vault.clock)
    for number in range(BUDGET + 7):
        assert await status_of(app, client, f"2001:db8::{number}") == (401 if number < BUDGET else 429)
    await watched.api.stop()
    assert b'tokenvault_rate_limited_calls_total{scope="address"} 7.0\n' in generate_latest(metrics.registry)
    assert await refused(watched.vault, client.merchant.merchant.merchant_id) == [
        ("2001:db8::/64", 1),
        ("2001:db8::/64", BUDGET - 1),
    ]


async def status_of(app: AsgiApp, client: Client, peer: str) -> int:
    """Make one call with a wrong secret to an ASGI application; return the status of the answer."""
    headers = {"host": "tokenvault", "x-api-version": LATEST, **client.credentials, "x-client-secret": "tvsk_wrong"}
    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": INSTRUMENTS.encode(),
        "query_string": b"instrument_type=card",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (peer, 4711),
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, asyncio.Queue().get, send)
    return int(sent[0]["status"])


async def test_a_merchant_that_was_accepted_before_shares_its_address_with_a_guesser(
    client: Client, clock: SettableClock
) -> None:
    assert (await client.call()).status == 200
    await exhaust(client, "192.0.2.1")
    for _ in range(2):
        clock.advance(seconds=1)
        assert (await client.call()).status == 200


async def test_a_merchant_that_is_new_waits_until_its_address_has_a_budget_again(
    watched: Watched, client: Client, clock: SettableClock
) -> None:
    await exhaust(client, "192.0.2.1")
    before = watched.work
    answer = await client.call()
    assert (answer.status, watched.work) == (429, before)
    assert (await client.call(origin="192.0.2.2")).status == 200
    clock.advance(seconds=int(answer.headers["x-ratelimit-retry"]) + 1)
    assert (await client.call()).status == 200


@pytest.mark.parametrize("header", ["x_partner_merchantid", "x_client_id"])
async def test_a_partner_that_was_accepted_before_shares_its_address_with_a_guesser(
    watched: Watched, client: Client, header: str
) -> None:
    partner = await client.vault.partners.add("Platform", "tests")
    merchant = client.merchant.merchant
    await client.vault.partners.link(partner.partner_id, merchant.merchant_id, "tests")
    named = {"x_partner_merchantid": merchant.merchant_id, "x_client_id": merchant.client_id}[header]
    sent: dict[str, Any] = {"x_client_id": None, "x_client_secret": None}
    sent |= {"x_partner_apikey": partner.api_key.reveal(), header: named}
    assert (await client.call(**sent)).status == 200
    await exhaust(client, "192.0.2.1")
    assert (await client.call(**sent)).status == 200
    await client.vault.partners.unlink(partner.partner_id, merchant.merchant_id, "tests")
    assert (await client.call(**sent)).status == 429
    before = watched.work
    assert (await client.call(**sent)).status == 429
    assert watched.work == before, "it is not known any more"


async def test_a_revoked_secret_is_a_guess_like_any_other(
    watched: Watched, client: Client, clock: SettableClock
) -> None:
    assert (await client.call()).status == 200
    merchant_id = client.merchant.merchant.merchant_id
    (secret,) = await client.vault.merchants.secrets(merchant_id)
    await client.vault.merchants.revoke_secret(merchant_id, secret.credential_id, "tests")
    await exhaust(client, "192.0.2.1")
    clock.advance(seconds=1)
    assert (await client.call()).status == 429
    before = watched.work
    assert (await client.call()).status == 429
    assert watched.work == before


async def test_a_secret_is_known_for_its_own_client_only(watched: Watched, client: Client) -> None:
    other = (await client.vault.merchants.add("Other", "tests")).merchant
    assert (await client.call()).status == 200
    await exhaust(client, "192.0.2.1")
    before = watched.work
    secret = client.credentials["x-client-secret"]
    assert (await client.call(x_client_id=other.client_id)).status == 429
    assert (await client.call(x_client_secret=None, x_client_signature=secret)).status == 429
    assert (await client.call(x_partner_apikey=secret)).status == 429
    assert watched.work == before


# Signatures


async def test_signatures_that_arrive_together_open_no_more_than_the_budget(watched: Watched, client: Client) -> None:
    guess = GUESSES["a signature"]
    answers = await asyncio.gather(*(client.call(**guess, origin=each) for each in ONE_NETWORK[: 10 * BUDGET]))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (BUDGET, 9 * BUDGET)
    assert watched.opener.calls <= BUDGET + 1
    assert watched.opener.most <= 2


async def test_signatures_are_opened_beside_the_event_loop_and_two_at_a_time(
    watched: Watched, client: Client, clock: SettableClock
) -> None:
    public_key = await client.vault.client_signatures.make_key(client.merchant.merchant.merchant_id, "tests")
    client_id = client.merchant.merchant.client_id
    watched.opener.may_end.clear()
    waiting = [
        asyncio.create_task(
            client.call(
                x_client_secret=None,
                x_client_signature=signature(public_key, client_id, clock.now() // SECOND),
                origin=origin,
            )
        )
        for origin in MANY_ADDRESSES[:5]
    ]
    for _ in range(2):
        await asyncio.to_thread(watched.opener.began.acquire)
    assert (await client.call()).status == 200  # nobody waits for the signatures but those who sent them
    assert not any(task.done() for task in waiting)
    watched.opener.may_end.set()
    assert {(await task).status for task in waiting} == {200}
    assert watched.opener.most == 2
    assert threading.get_ident() not in watched.opener.threads


async def test_a_signature_that_was_accepted_is_checked_until_its_key_ends(
    watched: Watched, client: Client, clock: SettableClock
) -> None:
    merchant = client.merchant.merchant
    public_key = await client.vault.client_signatures.make_key(merchant.merchant_id, "tests")
    made = signature(public_key, merchant.client_id, clock.now() // SECOND)
    sent: dict[str, Any] = {"x_client_secret": None, "x_client_signature": made}
    assert (await client.call(**sent)).status == 200
    await exhaust(client, "192.0.2.1")
    clock.advance(seconds=1)
    assert (await client.call(**sent)).status == 200
    await client.vault.client_signatures.end_key(merchant.merchant_id, "tests")
    clock.advance(seconds=1)
    assert (await client.call(**sent)).status == 429
    before = (watched.work, watched.opener.calls)
    assert (await client.call(**sent)).status == 429
    assert (watched.work, watched.opener.calls) == before, "it is not known any more"
