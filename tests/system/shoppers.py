"""Clients that save, list, use and delete cards through nginx until their standard input ends; a program of its own.

`python -m tests.system.shoppers URL CA CLIENT_ID` takes the secret from the environment and prints what happened as
JSON. Each client has its own customer, and no call is made twice by anybody but the client library itself.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final

from tests.support.emulator_process import VISA_DEBIT
from tokenvault_client import Card, Client, Consent, Retry

SHOPPERS: Final = 6
_CARD: Final = Card(card_number=VISA_DEBIT, card_expiry_mm="03", card_expiry_yy="2039", card_holder_name="Asha Rao")
_CONSENT: Final = Consent(given_at="2026-11-22T10:00:00+05:30", text_version="v1")


class Shopper:
    """One client and its customer's cards."""

    def __init__(self, name: str, client: Client) -> None:
        self._name = name
        self._client = client
        self._cards: list[str] = []
        self.calls: Counter[str] = Counter()
        self.failed: list[str] = []

    def shop(self, stop: Event) -> None:
        """Make calls until `stop` is set."""
        while not stop.is_set():
            act = random.choice((self.save, self.list, self.pay, self.pay, self.delete)) if self._cards else self.save
            try:
                act()
            except Exception as error:  # noqa: BLE001  # each failure is a result of the test
                self.failed.append(f"{act.__name__}: {error!r}")
            self.calls[act.__name__] += 1

    def save(self) -> None:
        answer = self._client.enrol_instrument(self._name, _CARD, afa_reference="740324562", consent=_CONSENT)
        self._cards.append(answer.data.instrument_id)

    def list(self) -> None:
        listed = {each.instrument_id for each in self._client.fetch_instruments(self._name).data}
        assert listed == set(self._cards), f"{len(listed)} cards are listed, {len(self._cards)} were saved"

    def pay(self) -> None:
        self._client.fetch_cryptogram(self._name, random.choice(self._cards))

    def delete(self) -> None:
        self._client.delete_instrument(self._name, self._cards.pop(0))


def main(url: str, ca: str, client_id: str) -> None:
    """Shop until the standard input ends; print the counts of calls and retries, and the failures."""
    stop, retries = Event(), Counter[str]()

    def note(retry: Retry) -> None:
        retries[f"{retry.operation}: {retry.error}"] += 1

    with Client(
        base_url=url, client_id=client_id, client_secret=os.environ["SECRET"], ca_file=ca, on_retry=note
    ) as client:
        shoppers = [Shopper(f"customer-{os.getpid()}-{number}", client) for number in range(SHOPPERS)]
        with ThreadPoolExecutor(SHOPPERS) as threads:
            for shopper in shoppers:
                threads.submit(shopper.shop, stop)
            sys.stdin.read()
            stop.set()
    calls = sum((shopper.calls for shopper in shoppers), Counter[str]())
    failed = [failure for shopper in shoppers for failure in shopper.failed]
    sys.stdout.write(json.dumps({"calls": calls, "failed": failed, "retries": retries}))


if __name__ == "__main__":
    main(*sys.argv[1:])
