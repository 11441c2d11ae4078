"""Seed files give an emulator customers and cards with the same ids each time; a number makes everything the same."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.support.embedded import LIST, ask, calls, saved
from tests.support.emulator_process import instruments
from tokenvault_server.embedded import ControlError, Emulator, Seed, SeedCard, SeedCustomer
from tokenvault_server.emulator.seeds import read_seed
from tokenvault_server.errors import SettingsError

YAML = """
seed: 7
customers:
  - id: asha
    cards:
      - {}
      - {number: "5409162669381034", expiry: 11/2031, status: SUSPENDED}
  - id: ravi
    cards: [{number: "378282246310005", status: EXPIRED}, {status: DEACTIVATED}]
webhook_endpoints: ["http://webhooks.invalid/seed"]
faults:
  - match: {operation: fetch_cryptogram, customer: ravi}
    then: {status: 502}
"""
CARDS = [("asha", "2123", "ACTIVE"), ("asha", "1034", "INACTIVE"), ("ravi", "0005", "INACTIVE")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "seed.yaml"
    file.write_text(YAML, encoding="utf-8")
    return file


def shown(emulator: Emulator) -> list[tuple[str, str, str]]:
    return [(card.customer_id, card.last4, card.status) for card in emulator.cards.list()]


def test_a_seed_file_saves_cards_in_their_states(file: Path) -> None:
    with Emulator(seed=file) as emulator:
        assert sorted(shown(emulator)) == sorted(CARDS)
        assert emulator.webhooks.endpoints() == ["http://webhooks.invalid/seed"]
        assert [state.rule.then.status for state in emulator.faults.list()] == [502]
        ids = [card.instrument_id for card in emulator.cards.list()]
    with Emulator(seed=str(file)) as again:
        assert [card.instrument_id for card in again.cards.list()] == ids


def test_a_seed_is_applied_to_an_emulator_that_runs_and_once_only(emulator: Emulator, file: Path) -> None:
    first = emulator.seed(read_seed(file))
    assert [card.status for card in first.cards] == ["ACTIVE", "INACTIVE", "INACTIVE", "DELETED"]
    again = emulator.seed(read_seed(file))
    assert [card.instrument_id for card in again.cards][:3] == [card.instrument_id for card in first.cards][:3]
    assert sorted(shown(emulator))[:3] == sorted(CARDS)[:3]


def test_the_ids_of_a_seed_follow_from_its_number(emulator: Emulator) -> None:
    def ids(number: int) -> list[str]:
        emulator.reset()
        seeded = emulator.seed(Seed(number, [SeedCustomer("asha"), SeedCustomer("ravi")]))
        return [card.instrument_id for card in seeded.cards]

    assert ids(1) == ids(1) != ids(2)
    assert len({*ids(1), *ids(2)}) == 4


def test_json_has_the_same_fields(tmp_path: Path, file: Path) -> None:
    as_json = tmp_path / "seed.json"
    as_json.write_bytes(msgspec.json.encode(read_seed(file)))
    assert read_seed(as_json) == read_seed(file)


def test_a_seed_can_be_given_as_a_value() -> None:
    with Emulator(seed={"customers": [{"id": "asha"}]}) as emulator:
        assert shown(emulator) == [("asha", "2123", "ACTIVE")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("seed.json", "{"),
        ("seed.yaml", "customers: ["),
        ("seed.json", '{"customers": [{"id": 4706131211212123}]}'),
        ("seed.yaml", "customer: []"),
        ("seed.json", '{"customers": [{"id": "a", "cards": [{"cvv": "123"}]}]}'),
    ],
)
def test_a_file_that_is_no_seed_is_refused_without_its_content(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        read_seed(file)
    assert "4706131211212123" not in refused.value.message + refused.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_seed(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (SeedCard("4706131211212124"), "customers.cards.number_invalid"),
        (SeedCard("4111111111111111"), "customers.cards_invalid"),
        (SeedCard(expiry="2030"), "customers.cards.expiry_invalid"),
        (SeedCard(expiry="13/2030"), "customers.cards.expiry_invalid"),
    ],
)
def test_a_card_that_cannot_be_saved_is_refused_without_its_number(
    emulator: Emulator, card: SeedCard, code: str
) -> None:
    with pytest.raises(ControlError) as refused:
        emulator.seed(Seed(customers=[SeedCustomer("asha", [card])]))
    assert refused.value.code == code
    assert card.number not in str(refused.value) + repr(card)


def journal(emulator: Emulator) -> bytes:
    """Do the same calls, and return the journal, the captured webhooks and the bodies of the answers."""
    instrument_id = saved(emulator)
    answers = [ask(emulator, *call).json() for call in calls("asha", instrument_id).values()]
    emulator.cards.suspend(saved(emulator, "ravi"))
    answers.append(ask(emulator, "GET", instruments("ravi") + LIST, headers={"x-client-secret": "wrong"}).json())
    emulator.clock.advance(minutes=30)
    answers.append(ask(emulator, "GET", instruments("ravi") + LIST).json())
    entries = [msgspec.to_builtins(entry) for entry in emulator.requests.find()]
    webhooks = [(each.type, each.body) for each in emulator.webhooks.find()]
    return json.dumps([entries, webhooks, answers], sort_keys=True).encode()


def test_the_same_number_makes_the_same_journal_byte_for_byte() -> None:
    with Emulator(seed=42) as emulator:
        first, credentials = journal(emulator), (emulator.client_id, emulator.client_secret)
        url = emulator.control_url
        emulator.reset()
        assert journal(emulator) == first
    with Emulator(seed=42) as again:
        assert journal(again) == first
        assert (again.client_id, again.client_secret) == credentials
        assert again.control_url.rpartition("/")[2] != url.rpartition("/")[2]  # a page could guess it otherwise


def test_another_number_makes_others() -> None:
    with Emulator(seed=1) as one, Emulator(seed=2) as other:
        assert one.client_id != other.client_id
        assert saved(one) != saved(other)


def test_the_time_of_a_numbered_emulator_moves_with_its_calls() -> None:
    with Emulator(seed=1) as emulator:
        before = emulator.clock.now()
        ask(emulator, "GET", instruments("asha") + LIST)
        ask(emulator, "GET", instruments("asha") + LIST)
        assert (emulator.clock.now() - before).total_seconds() == 2
        assert before.isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_snapshot_opens_in_an_emulator_with_the_same_number() -> None:
    with Emulator(seed=3) as one:
        instrument_id = saved(one)
        snapshot = one.snapshot()
    with Emulator(seed=3) as other:
        other.restore(snapshot)
        assert ask(other, *calls("asha", instrument_id)["fetch_cryptogram"]).status == 200
    with Emulator(seed=4) as stranger, pytest.raises(ControlError, match="another emulator's keys"):
        stranger.restore(snapshot)


def test_a_number_needs_a_new_directory(tmp_path: Path) -> None:
    with Emulator(seed=3, data=tmp_path):
        pass
    with pytest.raises(SettingsError, match="seed number"), Emulator(seed=3, data=tmp_path):
        pass
    with Emulator(data=tmp_path) as emulator:
        assert saved(emulator)
