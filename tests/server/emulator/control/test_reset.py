"""A reset and a snapshot take everything back: rows, memories, clock, rules. The audit trail stays intact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.embedded import LIST, ask, calls, save, saved
from tests.support.emulator_process import instruments
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.embedded import ControlError, Emulator, FaultRule, Match, Seed, SeedCard, SeedCustomer, Then
from tokenvault_server.emulator.snapshots import FORMAT

SEED = Seed(
    customers=[SeedCustomer("kept", [SeedCard()])], faults=[FaultRule(Then(status=500), Match(customer="unlucky"))]
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(seed=SEED) as emulator:
        yield emulator


def busy(emulator: Emulator) -> str:
    """Do a bit of everything; return the id of a card that was saved."""
    instrument_id = saved(emulator)
    for call in calls("asha", instrument_id).values():
        ask(emulator, *call, headers={"x-idempotency-key": f"key-{call[0]}"} if call[0] == "DELETE" else {})
    ask(emulator, "GET", instruments("asha") + LIST, headers={"x-client-secret": "wrong"})
    emulator.cards.suspend(saved(emulator, "ravi"))
    emulator.faults.add(status=502, nth=1_000)
    emulator.webhooks.add_endpoint("http://webhooks.invalid/another")
    emulator.clock.advance(days=3)
    return instrument_id


def seen(emulator: Emulator) -> object:
    """Return everything that the control plane shows of the state."""
    return (
        emulator.cards.list(),
        emulator.requests.find(),
        emulator.webhooks.find(),
        emulator.webhooks.endpoints(),
        emulator.faults.list(),
        round(emulator.clock.read().ahead_seconds),
    )


def test_a_reset_goes_back_to_the_state_after_the_seed(emulator: Emulator) -> None:
    before = seen(emulator)
    assert [card.customer_id for card in emulator.cards.list()] == ["kept"]
    instrument_id = busy(emulator)
    assert seen(emulator) != before
    emulator.reset()
    assert seen(emulator) == before
    assert ask(emulator, "GET", instruments("asha", instrument_id)).status == 404
    assert ask(emulator, "GET", instruments("unlucky") + LIST).status == 500


def test_a_card_of_the_seed_lives_again_after_a_reset(emulator: Emulator) -> None:
    (card,) = emulator.cards.list()
    call = calls("kept", card.instrument_id)
    for _ in range(3):
        assert ask(emulator, *call["delete_instrument"]).status == 200
        emulator.clock.advance(minutes=5)  # the token is deleted at its service
        emulator.reset()
        assert ask(emulator, *call["fetch_cryptogram"]).status == 200


def test_a_reset_forgets_limits_keys_and_failures(emulator: Emulator) -> None:
    key = {"x-idempotency-key": "delete-1"}
    for _ in range(2):
        for _ in range(99):
            ask(emulator, "DELETE", instruments("asha", "i1"))
        answer = ask(emulator, "DELETE", instruments("asha", "i1"), headers=key)
        assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (404, "0")
        assert answer.headers["x-idempotency-replayed"] == "false"
        emulator.reset()


def test_the_audit_trail_is_intact_after_resets(emulator: Emulator) -> None:
    for _ in range(3):
        busy(emulator)
        emulator.reset()
    busy(emulator)
    emulator.clock.advance(minutes=5)
    assert findings(emulator) == []
    with_status = ask_status(emulator)
    assert "audit_anchor" not in with_status


def test_resets_while_calls_come_in_break_nothing(emulator: Emulator) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def client(number: int) -> set[int]:
        return {save(emulator, f"customer_{number}_{each}").status for each in range(8)}

    with ThreadPoolExecutor(4) as threads:
        clients = [threads.submit(client, number) for number in range(3)]
        while not all(each.done() for each in clients):
            emulator.reset()
    assert set().union(*(each.result() for each in clients)) == {201}
    emulator.reset()
    assert [card.customer_id for card in emulator.cards.list()] == ["kept"]
    emulator.clock.advance(minutes=5)
    assert findings(emulator) == []


def test_a_snapshot_is_one_file_that_brings_everything_back(emulator: Emulator, tmp_path: Path) -> None:
    instrument_id = busy(emulator)
    cards = emulator.cards.list()
    file = tmp_path / "snapshot.json"
    file.write_bytes(msgspec.json.encode(emulator.snapshot()))
    emulator.reset()
    emulator.restore(msgspec.json.decode(file.read_bytes(), type=type(emulator.snapshot())))
    assert emulator.cards.list() == cards
    assert round(emulator.clock.read().ahead_seconds) == 3 * 86_400
    assert [state.rule.then.status for state in emulator.faults.list()] == [500, 502]
    assert ask(emulator, "GET", instruments("asha", instrument_id)).status == 404  # busy deletes it
    assert findings(emulator) == []


def test_a_snapshot_holds_no_card_number_and_no_secret(emulator: Emulator) -> None:
    busy(emulator)
    snapshot = emulator.snapshot()
    for image in snapshot.databases.values():
        text = image.decode("latin-1")
        assert "4706131211212123" not in text
        assert bytes.fromhex("4706131211212123") not in image
        assert emulator.client_secret not in text
    assert not holds_card_number(snapshot.key_check)
    assert emulator.client_secret not in repr(snapshot)


def test_a_snapshot_of_other_keys_is_refused_with_where_it_opens(emulator: Emulator) -> None:
    snapshot = emulator.snapshot()
    for other in (
        msgspec.structs.replace(snapshot, key_check="0" * 64),
        msgspec.structs.replace(snapshot, vault_id="vlt_other"),
    ):
        with pytest.raises(ControlError, match="--seed NUMBER") as refused:
            emulator.restore(other)
        assert refused.value.code == "snapshot_of_other_keys"
    with pytest.raises(ControlError, match=FORMAT):
        emulator.restore(msgspec.structs.replace(snapshot, format="other/1"))
    with pytest.raises(ControlError, match="vault"):
        emulator.restore(msgspec.structs.replace(snapshot, databases={}))


def test_a_snapshot_that_is_no_database_changes_nothing(emulator: Emulator) -> None:
    before = seen(emulator)
    snapshot = emulator.snapshot()
    for image in (b"", b"no database", snapshot.databases["local"]):
        with pytest.raises(ControlError, match="those of a snapshot"):
            emulator.restore(msgspec.structs.replace(snapshot, databases={**snapshot.databases, "vault": image}))
    assert saved(emulator)
    emulator.reset()
    assert seen(emulator) == before


def findings(emulator: Emulator) -> list[object]:
    """Verify the audit trail inside the emulator."""
    return list(emulator.verify_audit().findings)


def ask_status(emulator: Emulator) -> str:
    from urllib.request import urlopen

    with urlopen(emulator.console_url + "ready") as answer:
        text: str = answer.read().decode()
        return text
