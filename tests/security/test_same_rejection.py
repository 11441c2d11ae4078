"""A card that is unknown, deleted, another customer's or another merchant's: one answer, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import Emulator, emulator, instruments
from tests.support.http_client import Answer

OWN_TO_A_CALL = {"date", "x-request-id", "x-ratelimit-remaining"}
UNKNOWN = "01a20267-85a3-73ca-a97e-377ff3f7294a"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two merchants of one vault. The first has two customers with a card each, one of which is deleted."""

    one: Emulator
    other: Emulator
    card: str
    deleted: str
    data: Path

    def targets(self) -> dict[str, tuple[Emulator, str]]:
        """Gives who asks, and for what, in each way of having no right to it."""
        return {
            "unknown card": (self.one, instruments("asha", UNKNOWN)),
            "unknown customer": (self.one, instruments("unknown-customer", UNKNOWN)),
            "another customer's card": (self.one, instruments("bina", self.card)),
            "another merchant's card": (self.other, instruments("asha", self.card)),
            "another merchant's deleted card": (self.other, instruments("bina", self.deleted)),
        }


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    data = tmp_path_factory.mktemp("vaults") / "vault"
    with emulator("--data", str(data)) as one:
        added = run_json("merchant", "add", "Neighbour", "--data", str(data))
        other = replace(one, client_id=added["client_id"], client_secret=added["client_secret"])
        card, deleted = one.save("asha")["instrument_id"], one.save("bina")["instrument_id"]
        assert one.ask("DELETE", instruments("bina", deleted))[0] == 200
        yield Neighbours(one, other, card, deleted, data)


def rejection(neighbours: Neighbours, which: str, method: str, tail: str) -> tuple[int, dict[str, str], bytes]:
    caller, path = neighbours.targets()[which]
    with caller.connection() as connection:
        answer: Answer = connection.ask(method, path + tail)
    return (
        answer.status,
        {name: value for name, value in answer.headers.items() if name not in OWN_TO_A_CALL},
        answer.body,
    )


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/cryptogram"), ("DELETE", "")])
@pytest.mark.parametrize(
    "which",
    ["unknown customer", "another customer's card", "another merchant's card", "another merchant's deleted card"],
)
def test_no_right_to_a_card_looks_like_no_card(neighbours: Neighbours, which: str, method: str, tail: str) -> None:
    expected = rejection(neighbours, "unknown card", method, tail)
    assert expected[0] == 404
    assert rejection(neighbours, which, method, tail) == expected


@pytest.mark.parametrize("tail", ["", "/cryptogram"])
def test_a_deleted_card_looks_like_none_to_its_own_customer(neighbours: Neighbours, tail: str) -> None:
    with neighbours.one.connection() as connection:
        deleted = connection.ask("GET", instruments("bina", neighbours.deleted) + tail)
    assert deleted.body == rejection(neighbours, "unknown card", "GET", tail)[2]


def test_a_merchant_lists_none_of_its_neighbours_cards(neighbours: Neighbours) -> None:
    query = "?instrument_type=card"
    assert len(neighbours.one.ask("GET", instruments("asha") + query)[1]) == 1
    assert neighbours.other.ask("GET", instruments("asha") + query) == (200, [])


def test_one_card_has_no_common_id_at_two_merchants(neighbours: Neighbours) -> None:
    """The uid ties a customer's cards at one merchant, and must not tie merchants to each other."""
    one, other = neighbours.one.save("chitra"), neighbours.other.save("chitra")
    assert one["instrument_uid"] != other["instrument_uid"]


def test_a_refused_delete_deletes_nothing(neighbours: Neighbours) -> None:
    assert neighbours.other.ask("DELETE", instruments("asha", neighbours.card))[0] == 404
    assert neighbours.one.ask("GET", instruments("asha", neighbours.card))[0] == 200


def test_a_removed_merchant_looks_like_an_unknown_one(neighbours: Neighbours) -> None:
    data = ("--data", str(neighbours.data))
    added = run_json("merchant", "add", "Closing", *data)
    closing = replace(neighbours.one, client_id=added["client_id"], client_secret=added["client_secret"])
    run_json("merchant", "remove", added["merchant_id"], "--confirm", added["merchant_id"], *data)
    nobody = replace(closing, client_id="CLIENT" + "0" * 32)
    assert refusal(closing) == refusal(nobody)
    assert refusal(closing)[0] == 401


def test_a_wrong_secret_of_a_suspended_merchant_looks_like_that_of_an_unknown_one(neighbours: Neighbours) -> None:
    data = ("--data", str(neighbours.data))
    added = run_json("merchant", "add", "Disputed", *data)
    assert tokenvault("merchant", "suspend", added["merchant_id"], *data).returncode == 0
    wrong = replace(neighbours.one, client_id=added["client_id"])
    assert refusal(wrong) == refusal(replace(wrong, client_id="CLIENT" + "0" * 32))
    assert refusal(replace(wrong, client_secret=added["client_secret"]))[0] == 403


def refusal(caller: Emulator) -> tuple[int, dict[str, str], bytes]:
    """Return the answer to a caller, without what differs from call to call."""
    with caller.connection() as connection:
        answer = connection.ask("GET", instruments("asha") + "?instrument_type=card")
    own = {name: value for name, value in answer.headers.items() if name not in OWN_TO_A_CALL}
    return answer.status, own, answer.body


def test_one_merchants_secret_opens_nothing_of_the_other(neighbours: Neighbours) -> None:
    mixed = replace(neighbours.one, client_secret=neighbours.other.client_secret)
    assert mixed.ask("GET", instruments("asha", neighbours.card))[0] == 401
