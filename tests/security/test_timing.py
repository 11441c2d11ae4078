"""A rejection takes the same time for an unknown name as for a known one: statistics, in process.

`make timing` runs it, and `make test` does not: it needs a quiet machine and a minute. Both calls of a pair go through
the whole pipeline, alternating in random order. The slowest of both (interrupts, other processes) are cropped alike. A
pair differs if Welch's t-test sees it (|t| over 4.5, the bound that side channel laboratories use) and if it can be
measured over a network (2 % of a rejection, some microseconds). The last result is in bench/RESULTS.md.
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
import statistics
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import NamedTuple

import pytest

from tests.server.api.calls import INSTRUMENTS, LATEST
from tests.support.builders import settings_in
from tests.support.clock import SettableClock
from tests.support.signatures import signature
from tokenvault_server.api.call import Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.identifiers import MerchantId

pytestmark = pytest.mark.timing

ROUNDS = 4000
ROUNDS_OF_RSA = 1000
KEPT = 0.75
SEEN_FROM = 4.5
HEARD_FROM = 0.02

Headers = dict[str, str]


class Difference(NamedTuple):
    """The difference of two samples of durations."""

    t: float
    medians: tuple[float, float]
    """In microseconds."""

    @property
    def share(self) -> float:
        """Return the difference of the medians as a share of the larger."""
        return abs(self.medians[0] - self.medians[1]) / max(self.medians)

    @property
    def is_telling(self) -> bool:
        return abs(self.t) > SEEN_FROM and self.share > HEARD_FROM


def compared(one: list[int], other: list[int]) -> Difference:
    """Crop both samples at the same percentile and compare the rest."""
    left, right = (sorted(each)[: int(len(each) * KEPT)] for each in (one, other))
    error = math.sqrt(statistics.variance(left) / len(left) + statistics.variance(right) / len(right))
    t = (statistics.fmean(left) - statistics.fmean(right)) / error
    return Difference(t, (statistics.median(one) / 1000, statistics.median(other) / 1000))


@dataclass
class Bench:
    """A vault with a merchant and a partner of another merchant, whose rejections are timed."""

    vault: Vault
    pipeline: Pipeline
    clock: SettableClock
    client_id: str
    merchant_id: MerchantId
    client_secret: str
    partner_key: str
    signature: str
    """Valid for another merchant only."""

    async def durations(self, one: Headers, other: Headers, rounds: int, *, warm: bool) -> tuple[list[int], list[int]]:
        """Return how long both calls took, in nanoseconds. `warm`: the merchant has just called."""
        took: tuple[list[int], list[int]] = ([], [])
        gc.collect()
        gc.disable()
        try:
            for _ in range(rounds):
                for which in random.sample((0, 1), 2):
                    self.clock.advance(seconds=2)
                    if warm:
                        await self.ask({"x-client-id": self.client_id, "x-client-secret": self.client_secret})
                    await self.settled()
                    took[which].append(await self.ask((one, other)[which]))
        finally:
            gc.enable()
        return took

    async def ask(self, headers: Headers) -> int:
        """Makes one call and gives how long its answer took."""
        sent = {"host": "vault.test", "x-api-version": LATEST, "x-request-id": "req_timing", **headers}
        wire = [(name.encode(), value.encode()) for name, value in sent.items()]
        call = Request("GET", INSTRUMENTS.encode(), b"instrument_type=card", wire, "192.0.2.1")
        began = perf_counter_ns()
        await self.pipeline.answer(call)
        return perf_counter_ns() - began

    async def settled(self) -> None:
        """Lets everything that an earlier call left behind come to its end."""
        await self.pipeline.auth_failures.settled()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
async def bench(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Bench]:
    vault = await open_vault(settings_in(tmp_path, rate_limits=False), clock, initialise=True)
    api = Api(vault.settings, vault)
    pipeline = await api.start()
    merchant = await vault.merchants.add("Shop", "tests")
    other = (await vault.merchants.add("Other", "tests")).merchant
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, other.merchant_id, "tests")
    public = await vault.client_signatures.make_key(other.merchant_id, "tests")
    yield Bench(
        vault,
        pipeline,
        clock,
        merchant.merchant.client_id,
        merchant.merchant.merchant_id,
        merchant.client_secret.reveal(),
        partner.api_key.reveal(),
        signature(public, merchant.merchant.client_id, clock.now() // SECOND),
    )
    await api.stop()
    await vault.close()


def unknown(name: str) -> str:
    """Return an unknown name of the same length."""
    return name[:-4] + ("0000" if not name.endswith("0000") else "1111")


def secret(bench: Bench, name: str) -> Headers:
    return {"x-client-id": name, "x-client-secret": unknown(bench.client_secret)}


def partner_by_merchant_id(bench: Bench, name: str) -> Headers:
    return {"x-partner-merchantid": name, "x-partner-apikey": bench.partner_key}


def partner_by_client_id(bench: Bench, name: str) -> Headers:
    return {"x-client-id": name, "x-partner-apikey": bench.partner_key}


def signed(bench: Bench, name: str) -> Headers:
    return {"x-client-id": name, "x-client-signature": bench.signature}


SCHEMES = {
    "a wrong secret": (secret, "client_id"),
    "a partner's key, for a merchant id": (partner_by_merchant_id, "merchant_id"),
    "a partner's key, for a client id": (partner_by_client_id, "client_id"),
    "a signature, no key of its own": (signed, "client_id"),
    "a signature, a key of its own": (signed, "client_id"),
}


@pytest.fixture(scope="module", autouse=True)
def heading(pytestconfig: pytest.Config) -> None:
    """Print the heading of the table, whose rows the tests print."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\nRejections, known and unknown names\n\n{'known':>66}{'unknown':>9}{'apart':>15}")


@pytest.mark.parametrize("warm", [False, True], ids=["asleep", "just calling"])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_known_name_is_rejected_in_the_time_of_an_unknown_one(
    bench: Bench, capsys: pytest.CaptureFixture[str], scheme: str, warm: bool
) -> None:
    headers, name = SCHEMES[scheme]
    known = getattr(bench, name)
    if "a key of its own" in scheme:
        await bench.vault.client_signatures.make_key(bench.merchant_id, "tests")
    rounds = ROUNDS_OF_RSA if headers is signed else ROUNDS
    took = await bench.durations(headers(bench, known), headers(bench, unknown(known)), rounds, warm=warm)
    difference = compared(*took)
    with capsys.disabled():
        sys.stdout.write(row(f"{scheme}, merchant {'just calling' if warm else 'asleep'}", difference))
    assert not difference.is_telling


async def test_a_real_difference_is_noticed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Check the measurement: a cached secret against one that is looked up again."""
    right = {"x-client-id": bench.client_id, "x-client-secret": bench.client_secret}
    took = await bench.durations(right, secret(bench, bench.client_id), 300, warm=True)
    difference = compared(*took)
    with capsys.disabled():
        sys.stdout.write(row("for comparison: accepted and rejected", difference))
    assert difference.is_telling


def row(what: str, difference: Difference) -> str:
    known, unknown = difference.medians
    return f"\n{what:57} {known:8.1f} {unknown:8.1f} us {difference.share:6.1%}  t {difference.t:+6.1f}"
