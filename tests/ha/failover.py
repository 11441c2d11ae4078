"""Failures of the cluster while callers make calls, and the checks afterwards."""

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
from tests.ha.verdict import VaultState, faults
from tests.scenarios.expectations import counter_of
from tests.support.emulator_process import CREATED, Emulator, enrolment, instruments

CALLERS: Final = 8
OK: Final = 200
_PAUSE_SECONDS = 3
_UNDETECTED_SECONDS = 8
"""Longer than the vault waits for a commit, shorter than PostgreSQL needs to detect a lost standby."""
_SETTLE_SECONDS = 90
"""Longer than the lease of an idempotency key, for calls whose first attempt still has the lease."""

Report = Callable[[str], None]


class FailoverTest:
    """One run: a cluster, a vault on it, callers, and failures of the cluster."""

    def __init__(self, folder: Path, report: Report) -> None:
        """Set up the cluster and the vault; `report` receives a line for each event."""
        self._report = report
        self.records = CallRecords()
        began = monotonic()
        self.cluster = Cluster(folder)
        self.cluster.start()
        self.vault = Vault(folder, self.cluster.nodes, self.cluster.leader())
        report(f"three nodes and a vault set up in {monotonic() - began:.1f} s; {self.cluster.leader().name} leads")

    def run(self) -> list[str]:
        """Run all failures; return what was lost, came back or was done twice."""
        with self.vault.served() as servers:
            shared = [_saved(servers[0], SHARED, card, self.records) for card in CARDS]
            callers = [self._caller(number, servers, shared) for number in range(CALLERS)]
            with _working(callers):
                self._wait_between()
                self._power_cut()
                self._wait_between()
                self._standby_cut_off_before_a_power_cut()
                self._wait_between()
                self._leader_cut_off()
                self._wait_between()
            self._settle(callers)
            state = self._read_state(servers[0])
        return faults(self.records, state) + self._audit_faults()

    def _power_cut(self) -> None:
        leader = self.cluster.leader()
        began = monotonic()
        killed = leader.host.kill()
        self._report(f"{leader.name}, the leader: kill -9 of all its {killed} processes")
        self._follow(leader.name, began)
        leader.start()
        self._await_complete()

    def _standby_cut_off_before_a_power_cut(self) -> None:
        """While the standby is cut off, only the leader has new commits, so none of them may be acknowledged."""
        leader, standby = self.cluster.leader(), self.cluster.synchronous()
        began = monotonic()
        standby.host.cut_off()
        self._report(f"{standby.name}, the synchronous standby: cut off for {_UNDETECTED_SECONDS} s, undetected")
        self._wait(_UNDETECTED_SECONDS)
        killed = leader.host.kill()
        self._report(f"{leader.name}, the leader: kill -9 of all its {killed} processes; {standby.name} reconnected")
        standby.host.reconnect()
        self._follow(leader.name, began)
        leader.start()
        self._await_complete()

    def _leader_cut_off(self) -> None:
        leader = self.cluster.leader()
        began = monotonic()
        leader.host.cut_off()
        self._report(f"{leader.name}, the leader: cut off from all others, still running")
        self._follow(leader.name, began)
        self._wait(_PAUSE_SECONDS)
        leader.host.reconnect()
        self._report(f"{leader.name}: reconnected")
        self._await_complete()

    def _follow(self, former: str, began: float) -> None:
        """Wait until another node leads and a call is acknowledged again; report how long each took."""
        leader = self.cluster.await_take_over(former)
        led = monotonic() - began
        while self.records.outage_after(began) == float("inf"):
            assert not self.records.errors, self.records.errors
            assert monotonic() - began < _SETTLE_SECONDS, "no call is acknowledged any more"
            self._wait(0.1)
        outage = self.records.outage_after(began)
        self._report(f"{leader.name} leads after {led:.1f} s; first new acknowledgement after {outage:.1f} s")

    def _await_complete(self) -> None:
        began = monotonic()
        self.cluster.await_complete()
        self._report(f"all three nodes are in the cluster again after {monotonic() - began:.1f} s")

    def _settle(self, callers: list[Caller]) -> None:
        """Repeat all unsettled calls until every call is acknowledged."""
        began = monotonic()
        waiting = sum(len(caller.unsettled) for caller in callers)
        while unsettled := [caller for caller in callers if caller.unsettled]:
            assert monotonic() - began < _SETTLE_SECONDS, f"never answered: {unsettled[0].unsettled}"
            for caller in unsettled:
                caller.repeat()
            self._wait(1)
        self._report(f"{waiting} unanswered calls were settled by repeating them, in {monotonic() - began:.1f} s")

    def _read_state(self, server: Emulator) -> VaultState:
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
        return VaultState(listed, entries, counters, refused)

    def _audit_faults(self) -> list[str]:
        output = self.vault.audit_errors()
        return [f"audit trail: {output}"] if output else []

    def _caller(self, number: int, servers: list[Emulator], shared: list[str]) -> Caller:
        connections = [server.connection() for server in servers]
        return Caller(f"caller-{number}", connections[number % 2 :] + connections[: number % 2], self.records, shared)

    def _wait_between(self) -> None:
        self._wait(_PAUSE_SECONDS)

    @staticmethod
    def _wait(seconds: float) -> None:
        Event().wait(seconds)


@contextmanager
def _working(callers: list[Caller]) -> Iterator[None]:
    """Run all callers until the block ends; raise the error of a caller that failed."""
    stop = Event()
    with ThreadPoolExecutor(len(callers)) as threads:
        work: list[Future[None]] = [threads.submit(caller.work, stop) for caller in callers]
        try:
            yield
        finally:
            stop.set()
    for each in work:
        each.result()


def _saved(server: Emulator, customer: str, card: str, records: CallRecords) -> str:
    """Save a card before the first failure; return its id."""
    status, message = server.ask("POST", instruments(customer), enrolment(card))
    assert status == CREATED, message
    with suppress(KeyError):
        records.save(customer, message["instrument_id"])
    return str(message["instrument_id"])


def _list(customer: str) -> str:
    return instruments(customer) + "?instrument_type=card"
