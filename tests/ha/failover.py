"""What happens to the cluster while callers are at work, and the questions afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

from tests.ha.callers import CARDS, SHARED, Caller
from tests.ha.cluster import Cluster
from tests.ha.records import CallRecords
from tests.ha.servers import Vault
from tests.ha.verdict import Found, faults
from tests.scenarios.expectations import counter_of
from tests.support.emulator_process import CREATED, Emulator, enrolment, instruments

CALLERS: Final = 8
OK: Final = 200
_CALM_SECONDS = 3
_UNNOTICED_SECONDS = 8
"""Longer than the vault waits for a commit, shorter than PostgreSQL takes to miss a standby."""
_SETTLE_SECONDS = 90
"""Longer than the lease of an idempotency key, for acts whose first attempt died holding it."""

Say = Callable[[str], None]


class FailoverTest:
    """One run: a cluster, a vault on it, callers, and what befalls them."""

    def __init__(self, folder: Path, say: Say) -> None:
        """Set everything up, and tell it as it happens."""
        self._say = say
        self.records = CallRecords()
        began = monotonic()
        self.cluster = Cluster(folder)
        self.cluster.start()
        self.vault = Vault(folder, self.cluster.nodes, self.cluster.leader())
        say(f"three nodes and a vault set up in {monotonic() - began:.1f} s; {self.cluster.leader().name} leads")

    def run(self) -> list[str]:
        """Let it all happen; gives what was lost, came back or was done twice."""
        with self.vault.served() as servers:
            shared = [_saved(servers[0], SHARED, card, self.records) for card in CARDS]
            callers = [self._caller(number, servers, shared) for number in range(CALLERS)]
            with _working(callers):
                self._calm()
                self._power_cut()
                self._calm()
                self._standby_cut_off_before_a_power_cut()
                self._calm()
                self._leader_cut_off()
                self._calm()
            self._settle(callers)
            found = self._found(servers[0])
        return faults(self.records, found) + self._audit_faults()

    def _power_cut(self) -> None:
        leader = self.cluster.leader()
        began = monotonic()
        killed = leader.host.kill()
        self._say(f"{leader.name}, which leads: kill -9 of all its {killed} processes")
        self._follow(leader.name, began)
        leader.start()
        self._whole_again()

    def _standby_cut_off_before_a_power_cut(self) -> None:
        """Only one node has what is committed now, and nobody may be told that it is done."""
        leader, standby = self.cluster.leader(), self.cluster.synchronous()
        began = monotonic()
        standby.host.cut_off()
        self._say(f"{standby.name}, the synchronous standby: cut off for {_UNNOTICED_SECONDS} s, unnoticed")
        self._pass(_UNNOTICED_SECONDS)
        killed = leader.host.kill()
        self._say(f"{leader.name}, which leads: kill -9 of all its {killed} processes; {standby.name} reconnected")
        standby.host.reconnect()
        self._follow(leader.name, began)
        leader.start()
        self._whole_again()

    def _leader_cut_off(self) -> None:
        leader = self.cluster.leader()
        began = monotonic()
        leader.host.cut_off()
        self._say(f"{leader.name}, which leads: cut off from everybody, alive")
        self._follow(leader.name, began)
        self._pass(_CALM_SECONDS)
        leader.host.reconnect()
        self._say(f"{leader.name}: reconnected")
        self._whole_again()

    def _follow(self, former: str, began: float) -> None:
        """Wait until another node leads and an act is acknowledged again, and tell how long each took."""
        leader = self.cluster.await_take_over(former)
        led = monotonic() - began
        while self.records.outage_after(began) == float("inf"):
            assert not self.records.errors, self.records.errors
            assert monotonic() - began < _SETTLE_SECONDS, "nothing was acknowledged any more"
            self._pass(0.1)
        outage = self.records.outage_after(began)
        self._say(f"{leader.name} leads after {led:.1f} s; first new acknowledgement after {outage:.1f} s")

    def _whole_again(self) -> None:
        began = monotonic()
        self.cluster.await_whole()
        self._say(f"all three nodes follow again after {monotonic() - began:.1f} s")

    def _settle(self, callers: list[Caller]) -> None:
        """Have everybody repeat until everything that was asked for is acknowledged."""
        began = monotonic()
        waiting = sum(len(caller.unsettled) for caller in callers)
        while unsettled := [caller for caller in callers if caller.unsettled]:
            assert monotonic() - began < _SETTLE_SECONDS, f"never answered: {unsettled[0].unsettled}"
            for caller in unsettled:
                caller.repeat()
            self._pass(1)
        self._say(f"{waiting} acts still unanswered were settled by repeating them, in {monotonic() - began:.1f} s")

    def _found(self, server: Emulator) -> Found:
        entries = self.vault.entries()
        with server.connection() as connection:
            listed = {
                customer: {each["instrument_id"] for each in connection.ask("GET", _list(customer)).json()}
                for customer in self.records.active
            }
            answers = {
                card: connection.ask("GET", instruments(customer, card) + "/cryptogram")
                for customer, cards in self.records.active.items()
                for card in random.sample(sorted(cards), min(len(cards), 20))
            }
        cryptograms = [answer.json() for answer in answers.values() if answer.status == OK]
        counters = {each["card_number"]: counter_of(each["cryptogram"]) for each in cryptograms}
        refused = {card: answer.status for card, answer in answers.items() if answer.status != OK}
        return Found(listed, entries, counters, refused)

    def _audit_faults(self) -> list[str]:
        words = self.vault.audit_is_intact()
        return [f"audit trail: {words}"] if words else []

    def _caller(self, number: int, servers: list[Emulator], shared: list[str]) -> Caller:
        connections = [server.connection() for server in servers]
        return Caller(f"caller-{number}", connections[number % 2 :] + connections[: number % 2], self.records, shared)

    def _calm(self) -> None:
        self._pass(_CALM_SECONDS)

    @staticmethod
    def _pass(seconds: float) -> None:
        Event().wait(seconds)


@contextmanager
def _working(callers: list[Caller]) -> Iterator[None]:
    """Have all callers at work while the block runs; what went wrong with one of them is raised."""
    enough = Event()
    with ThreadPoolExecutor(len(callers)) as threads:
        work: list[Future[None]] = [threads.submit(caller.work, enough) for caller in callers]
        try:
            yield
        finally:
            enough.set()
    for each in work:
        each.result()


def _saved(server: Emulator, customer: str, card: str, records: CallRecords) -> str:
    """Save a card before anything goes wrong; gives its id."""
    status, message = server.ask("POST", instruments(customer), enrolment(card))
    assert status == CREATED, message
    with suppress(KeyError):
        records.save(customer, message["instrument_id"])
    return str(message["instrument_id"])


def _list(customer: str) -> str:
    return instruments(customer) + "?instrument_type=card"
