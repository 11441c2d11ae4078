"""Many concurrent callers over HTTP: each gets a correct answer, and together they leave the correct state."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest

from tests.scenarios.simultaneous import Send, call_together
from tests.support.effort import effort
from tests.support.emulator_process import CREATED, Emulator, enrolment, instruments
from tests.support.http_client import Answer, Connection

LIMIT = 100
RACES = effort(8, 100)


@pytest.fixture
def customer() -> str:
    return f"customer_{uuid4().hex[:12]}"


def saving(customer: str) -> Send:
    return lambda connection: connection.ask("POST", instruments(customer), enrolment())


def deleting(path: str) -> Send:
    return lambda connection: connection.ask("DELETE", path)


def token_of(running: Emulator, path: str) -> str:
    status, cryptogram = running.ask("GET", path + "/cryptogram")
    assert status == 200, cryptogram
    return str(cryptogram["card_number"])


def test_simultaneous_deletes_of_one_card_get_one_answer(running: Emulator, customer: str) -> None:
    path = instruments(customer, running.save(customer)["instrument_id"])
    answers = call_together(running, [deleting(path)] * 20)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert running.ask("GET", path)[0] == 404


def test_no_cryptogram_is_released_after_the_delete_is_acknowledged(running: Emulator, customer: str) -> None:
    for _ in range(RACES):
        path = instruments(customer, running.save(customer)["instrument_id"])

        def asking(connection: Connection, path: str = path) -> Answer:
            return connection.ask("GET", path + "/cryptogram")

        def deleting_then_asking(connection: Connection, path: str = path) -> Answer:
            assert connection.ask("DELETE", path).status == 200
            return connection.ask("GET", path + "/cryptogram")

        *others, after = call_together(running, [asking, asking, asking, deleting_then_asking])
        assert after.status == 404
        assert {answer.status for answer in others} <= {200, 404}


def test_fifty_concurrent_saves_of_one_card_share_one_token(running: Emulator, customer: str) -> None:
    answers = call_together(running, [saving(customer)] * 50)
    assert {answer.status for answer in answers} == {CREATED}
    cards = [answer.json() for answer in answers]
    assert len({card["instrument_id"] for card in cards}) == 50
    assert len({card["instrument_uid"] for card in cards}) == 1
    assert len({token_of(running, instruments(customer, card["instrument_id"])) for card in cards}) == 1


def test_a_customer_has_at_most_a_hundred_cards(running: Emulator, customer: str) -> None:
    answers = call_together(running, [saving(customer)] * (LIMIT + 20))
    assert Counter(answer.status for answer in answers) == {CREATED: LIMIT, 409: 20}
    refused = {answer.json()["code"] for answer in answers if answer.status == 409}
    assert refused == {"instrument_limit_reached"}
    _, listed = running.ask("GET", instruments(customer) + "?instrument_type=card")
    assert len(listed) == LIMIT


def test_a_card_saved_after_its_last_delete_has_a_new_token(running: Emulator, customer: str) -> None:
    first = instruments(customer, running.save(customer)["instrument_id"])
    token = token_of(running, first)
    assert running.ask("DELETE", first)[0] == 200
    second = instruments(customer, running.save(customer)["instrument_id"])
    assert token_of(running, second) != token


def test_a_card_saved_while_the_last_one_is_deleted_can_be_used(running: Emulator, customer: str) -> None:
    path = instruments(customer, running.save(customer)["instrument_id"])
    for _ in range(RACES):
        saved, deleted = call_together(running, [saving(customer), deleting(path)])
        assert (saved.status, deleted.status) == (CREATED, 200), saved.body
        path = instruments(customer, saved.json()["instrument_id"])
        assert token_of(running, path)


def test_a_token_is_kept_while_another_card_shares_it(running: Emulator, customer: str) -> None:
    kept, given_up = (instruments(customer, running.save(customer)["instrument_id"]) for _ in range(2))
    token = token_of(running, given_up)
    assert running.ask("DELETE", given_up)[0] == 200
    assert token_of(running, kept) == token
