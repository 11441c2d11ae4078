"""What does a refused call cost when its address has used up its budget, compared with calls that are served?

All calls go through the whole pipeline in process, with the databases on a real disk. The cost of a call is the
processor time of the process, threads included. Served are a fetch of one card, by a caller that called within the same
second, by one whose secret is looked up, and by one whose signature is opened, and a cryptogram. Refused calls carry
each kind of credentials, and ids that take long to check.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import msgspec
import uvloop
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

from bench.support import options, report, seeding
from bench.support.directories import scratch_directory
from bench.support.options import Options
from bench.support.seeding import SavedCard
from tokenvault_contract import headers
from tokenvault_server import settings as settings_module
from tokenvault_server.api.call import Reply, Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, open_vault
from tokenvault_server.domain.clock import SECOND, SystemClock
from tokenvault_server.emulator.clock import MovableClock
from tokenvault_server.settings import CONFIG_FILE

LOOKED_UP = "fetch one, secret looked up"
CACHED = "fetch one, secret accepted in the same second"
SIGNED = "fetch one, signature opened"
CRYPTOGRAM = "cryptogram"
SECRET = "refused, a secret"
SIGNATURE = "refused, a signature"
GOAL = 0.10

_CARDS = 64
_BUDGET = 200
_V4, _V6 = "192.0.2.1", "2001:db8::1"
_JUNK_SIGNATURE = base64.b64encode(b"\x02" * 256).decode()
_DIGITS = "1" * 128

Wire = list[tuple[bytes, bytes]]
Costs = dict[str, list[float]]
"""The microseconds of a call of each kind, one value for each round."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call."""

    name: str
    status: int
    moves: float = 0
    """How many seconds the clock moves before each call."""
    origin: str = _V4
    suffix: str = ""
    path: str = ""
    """Instead of that of a card."""
    changed: dict[str, str] = field(default_factory=dict)
    signed: bool = False
    at_once: int = 1


SERVED = (
    Kind(CACHED, 200),
    Kind(LOOKED_UP, 200, moves=1),
    Kind(SIGNED, 200, moves=1, signed=True),
    Kind(CRYPTOGRAM, 200, suffix="/cryptogram", at_once=_CARDS),
)
REFUSED = (
    Kind(SECRET, 429, changed={headers.CLIENT_SECRET: "tvsk_wrong"}),
    Kind(f"{SECRET}, from IPv6", 429, origin=_V6, changed={headers.CLIENT_SECRET: "tvsk_wrong"}),
    Kind(SIGNATURE, 429, changed={headers.CLIENT_SECRET: "", headers.CLIENT_SIGNATURE: _JUNK_SIGNATURE}),
    Kind("refused, a partner's key", 429, changed={headers.PARTNER_API_KEY: "tvpk_wrong"}),
    Kind(
        "refused, ids that are slow to check",
        429,
        path=f"/pg/customers/{_DIGITS}/instruments/{_DIGITS}",
        changed={headers.CLIENT_SECRET: "x", headers.REQUEST_ID: _DIGITS, headers.IDEMPOTENCY_KEY: _DIGITS},
    ),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """An open vault with saved cards of one merchant."""

    pipeline: Pipeline
    clock: MovableClock
    cards: Sequence[SavedCard]
    public_key: rsa.RSAPublicKey

    async def exhaust(self) -> None:
        """Use up the budgets of both addresses, and of the minute before nothing."""
        self.clock.advance(60)
        for origin in (_V4, _V6):
            failed = Kind("", 401, origin=origin, changed={headers.CLIENT_SECRET: "tvsk_wrong"})
            await self.micros(failed, _BUDGET)

    async def micros(self, kind: Kind, count: int) -> float:
        """Make `count` calls and return the processor time of one, in microseconds."""
        requests = list(self._requests(kind, count))
        began = time.process_time()
        for first in range(0, count, kind.at_once):
            if kind.moves:
                self.clock.advance(kind.moves)
            batch = requests[first : first + kind.at_once]
            replies = await self._answers(batch)
            assert {reply.status for reply in replies} == {kind.status}, replies[0].body
        return (time.process_time() - began) / count * 1e6

    async def _answers(self, batch: Sequence[Request]) -> list[Reply]:
        if len(batch) == 1:
            return [await self.pipeline.answer(batch[0])]
        return list(await asyncio.gather(*map(self.pipeline.answer, batch)))

    def _requests(self, kind: Kind, count: int) -> Iterator[Request]:
        for number, card in enumerate(islice(cycle(self.cards), count)):
            changed = dict(kind.changed)
            if kind.signed:
                at = self.clock.now() // SECOND + number
                changed |= {headers.CLIENT_SECRET: "", headers.CLIENT_SIGNATURE: self._signature(card, at)}
            wire: Wire = [each for each in card.headers() if each[0].decode() not in changed]
            wire += [(name.encode(), value.encode()) for name, value in changed.items()]
            yield Request("GET", (kind.path or card.path(kind.suffix)).encode(), b"", wire, kind.origin)

    def _signature(self, card: SavedCard, at: int) -> str:
        text = f"{card.client_id}.{at}".encode()
        return base64.b64encode(
            self.public_key.encrypt(text, OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None))
        ).decode()


def main() -> None:
    """Measure and print the results."""
    chosen = options.parse(__doc__, Options(seconds=0, rounds=5, connections=_CARDS, quick=False))
    report.print_heading("What an exhausted address costs")
    with scratch_directory() as directory:
        costs = uvloop.run(_measure(directory, chosen.rounds, 64 if chosen.quick else 512))
    print(
        f"  through the pipeline in process, medians of {chosen.rounds} rounds; x: times the cost of that served call\n"
    )
    columns = ["", "CPU us/call", "x looked up", "x cached", "x signed", "x cryptogram"]
    report.print_table(columns, [_row(kind.name, costs) for kind in (*SERVED, *REFUSED)])
    for refused, served in ((SECRET, LOOKED_UP), (SIGNATURE, SIGNED), (SECRET, CRYPTOGRAM)):
        report.print_goal(f"{refused} / {served}", _ratio(costs, refused, served), GOAL, at_most=True)


async def _measure(directory: Path, rounds: int, count: int) -> Costs:
    async with seeding.new_vault(directory) as vault:
        cards = await seeding.enrol(vault, _CARDS)
        public = await vault.client_signatures.make_key(cards[0].merchant_id, "bench")
    settings = settings_module.load({}, directory / CONFIG_FILE)
    settings = msgspec.structs.replace(settings, rate_limit_per_address=_BUDGET, signature_auth=True)
    clock = MovableClock(SystemClock())
    clock.freeze()
    vault = await open_vault(settings, clock)
    api = Api(settings, vault)
    loaded = serialization.load_pem_public_key(public.encode())
    assert isinstance(loaded, rsa.RSAPublicKey)
    bench = Bench(await api.start(), clock, cards, loaded)
    costs: Costs = {}
    for number in range(rounds + 1):
        for kind in SERVED:
            measured = await bench.micros(kind, count)
            if number:  # the first round only fills caches
                costs.setdefault(kind.name, []).append(measured)
        await bench.exhaust()
        for kind in REFUSED:
            measured = await bench.micros(kind, count)
            if number:
                costs.setdefault(kind.name, []).append(measured)
    await api.stop()
    await vault.close()
    return costs


def _ratio(costs: Costs, one: str, other: str) -> float:
    """Return the median of the ratios within each round."""
    return median(left / right for left, right in zip(costs[one], costs[other], strict=True))


def _row(name: str, costs: Costs) -> list[str]:
    ratios = [f"{_ratio(costs, name, served):.2f}" for served in (LOOKED_UP, CACHED, SIGNED, CRYPTOGRAM)]
    return [name, f"{median(costs[name]):.1f}", *ratios]


if __name__ == "__main__":
    main()
