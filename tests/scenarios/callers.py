"""Callers that save cards, fetch cryptograms and delete cards concurrently, until their server is gone."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

from tests.scenarios.expectations import Expectations
from tests.support.emulator_process import CREATED, VISA_DEBIT, Emulator, enrolment, instruments
from tests.support.http_client import Answer, Connection

CALLERS = 6
CARDS = (VISA_DEBIT, "4576238912771450", "5105105105105100", "6074825972083818", "378282246310005")
SAVES_PER_CUSTOMER = 50
GONE = (OSError, http.client.HTTPException)


class Caller:
    """One caller, with its connection and its customers."""

    def __init__(self, name: str, connection: Connection, expected: Expectations) -> None:
        self._name = name
        self._connection = connection
        self._expected = expected
        self._numbers = count()

    def work(self) -> None:
        """Make random calls until the server is gone or gives a wrong answer."""
        try:
            while not self._expected.errors:
                random.choice((self.save, self.save, self.cryptogram, self.cryptogram, self.delete))()
        except GONE:
            return

    def save(self) -> None:
        customer = f"{self._name}-{next(self._numbers) // SAVES_PER_CUSTOMER}"
        answer = self._connection.ask("POST", instruments(customer), enrolment(random.choice(CARDS)))
        if self._expect(answer, CREATED):
            self._expected.record_save(instruments(customer, answer.json()["instrument_id"]))

    def cryptogram(self) -> None:
        path = self._expected.random_card()
        if path is None:
            return
        answer = self._connection.ask("GET", path + "/cryptogram")
        if answer.status == 404 and path not in self._expected.active:
            return  # another caller deleted it meanwhile
        if self._expect(answer, 200):
            self._expected.record_cryptogram(answer.json())

    def delete(self) -> None:
        path = self._expected.start_delete()
        if path is not None and self._expect(self._connection.ask("DELETE", path), 200):
            self._expected.confirm_delete(path)

    def _expect(self, answer: Answer, status: int) -> bool:
        if answer.status != status:
            self._expected.record_error(f"{answer.status} instead of {status}: {answer.body!r}")
        return answer.status == status


@contextmanager
def calling(running: Emulator, expected: Expectations, name: str) -> Iterator[None]:
    """Run callers while the block runs; the block must end the server, or they never stop."""
    with ThreadPoolExecutor(CALLERS) as threads:
        work = [threads.submit(_call, running, expected, f"{name}-{number}") for number in range(CALLERS)]
        yield
    for each in work:
        each.result()


def _call(running: Emulator, expected: Expectations, name: str) -> None:
    with running.connection() as connection:
        Caller(name, connection, expected).work()
