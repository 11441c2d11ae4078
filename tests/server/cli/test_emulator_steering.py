"""`tokenvault emulator reset`, `clock` and so on steer an emulator that runs, by its control URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import click
import pytest

from tests.support.embedded import ask, calls, saved
from tokenvault_server import cli
from tokenvault_server.cli.emulator_options import parse_seeds
from tokenvault_server.cli.emulator_steering import COMMANDS
from tokenvault_server.embedded import Emulator
from tokenvault_server.emulator.announcement import CONTROL_URL

Run = Callable[..., str]


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(shared: Emulator) -> Emulator:
    shared.reset()
    return shared


@pytest.fixture
def run(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `tokenvault emulator` with these words and return its output; `code` is the exit code."""
    monkeypatch.setenv(CONTROL_URL, emulator.control_url)

    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) if code else nullcontext() as end:
            cli.main(["emulator", *words])
        assert end is None or end.value.code == code
        output = capsys.readouterr()
        return (output.err if code else output.out).strip()

    return run


def test_the_clock_is_steered(run: Run, emulator: Emulator) -> None:
    assert run("clock", "freeze", "2027-01-01T00:00:00Z") == "2027-01-01T00:00:00.000Z frozen"
    assert run("clock", "advance", "--days", "30", "--hours", "1") == "2027-01-31T01:00:00.000Z"
    assert run("clock", "show") == "2027-01-31T01:00:00.000Z frozen"
    assert json.loads(run("clock", "show", "--json"))["frozen"]
    assert run("clock", "set", "2028-01-01T00:00:00Z").startswith("2028")
    assert run("clock", "resume").startswith("2028")
    assert not emulator.clock.read().frozen


def test_faults_are_added_listed_and_removed(run: Run, emulator: Emulator) -> None:
    rule = run("faults", "add", "--operation", "fetch_cryptogram", "--status", "502", "--nth", "2")
    assert rule == "fault_1"
    call = calls("asha", saved(emulator))["fetch_cryptogram"]
    assert [ask(emulator, *call).status for _ in range(2)] == [200, 502]
    assert run("faults", "list").splitlines()[1].split("\t") == [
        "fault_1",
        '{"operation":"fetch_cryptogram","nth":2}',
        '{"status":502}',
        "2",
        "1",
    ]
    assert run("faults", "remove", rule) == "fault_1 is removed"
    run("faults", "add", "--webhook", "late", "--seconds", "60")
    run("faults", "add", "--tsp", "slow", "--connection", "truncate")
    assert run("faults", "clear") == "there are no fault rules"


def test_what_is_refused_is_refused_with_what_is_allowed(run: Run) -> None:
    assert "fetch_cryptogram" in run("faults", "add", "--operation", "x", "--status", "500", code=3)
    assert "card" in run("cards", "suspend", "i1", code=6)
    assert "allowed" in run("clock", "set", "soon", code=3)


def test_cards_are_acted_on(run: Run, emulator: Emulator) -> None:
    card = saved(emulator)
    assert run("cards", "suspend", card) == f"{card} **** 2123 is INACTIVE"
    assert run("cards", "resume", card) == f"{card} **** 2123 is ACTIVE"
    assert run("cards", "reissue", card, "--last4", "4242") == f"{card} **** 4242 is ACTIVE"
    assert run("cards", "list").splitlines()[1].split("\t") == [card, "asha", "**** 4242", "visa", "ACTIVE"]
    assert run("cards", "expire", card).endswith("INACTIVE")
    assert run("cards", "deactivate", saved(emulator, "ravi")).endswith("DELETED")


def test_calls_are_listed_checked_repeated_and_shown(run: Run, emulator: Emulator) -> None:
    ask(emulator, *calls("asha", "i1")["fetch_instruments"])
    assert run("requests", "list", "--customer", "asha").splitlines()[1].split("\t")[2:] == [
        "GET",
        "/pg/customers/asha/instruments?instrument_type=card",
        "fetch_instruments",
        "200",
    ]
    assert run("requests", "assert", "--customer", "asha", "--count", "1") == "1 matching calls"
    assert "the journal has 0 of 1" in run("requests", "assert", "--customer", "ravi", code=1)
    assert run("requests", "replay", "1").endswith(" 200")
    assert "$CASHFREE_CLIENT_SECRET" in run("requests", "curl", "1")
    assert json.loads(run("requests", "list", "--json"))[0]["id"] == "1"
    assert run("requests", "clear") == "the journal is empty"


def test_webhooks_are_listed_fired_and_resent(run: Run, emulator: Emulator) -> None:
    card = saved(emulator)
    emulator.webhooks.wait_for(instrument=card)
    assert run("webhooks", "fire", "INSTRUMENT_INACTIVE_WEBHOOK", "--instrument", card) == "1 attempts"
    rows = [row.split("\t")[2:] for row in run("webhooks", "list").splitlines()[1:]]
    assert rows[1] == ["INSTRUMENT_INACTIVE_WEBHOOK", "asha", "1", "delivered"]
    assert run("webhooks", "resend", "1").endswith("delivered")
    assert len(json.loads(run("webhooks", "list", "--type", "INSTRUMENT_ACTIVE_WEBHOOK", "--json"))) == 2
    assert run("webhooks", "clear") == "no webhook is captured"


def test_the_state_is_saved_in_a_file_and_restored(run: Run, emulator: Emulator, tmp_path: Path) -> None:
    card, file = saved(emulator), tmp_path / "state.json"
    assert run("snapshot", str(file)) == f"{file} has the state"
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("reset") == "the emulator is as it was at its start"
    assert emulator.cards.list() == []
    assert run("restore", str(file)) == f"the emulator has the state of {file}"
    assert [each.instrument_id for each in emulator.cards.list()] == [card]
    file.write_text("{}")
    assert "is no snapshot" in run("restore", str(file), code=3)


def test_a_seed_file_is_applied(run: Run, emulator: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text('{"customers": [{"id": "asha"}]}')
    assert run("seed", str(file)) == "1 cards, 0 endpoints, 0 faults"
    assert len(json.loads(run("seed", str(file), "--json"))["cards"]) == 1
    assert [card.customer_id for card in emulator.cards.list()] == ["asha"]


def test_magic_values_are_listed(run: Run) -> None:
    assert "fail_429_cryptogram_..." in run("magic")
    assert json.loads(run("magic", "--json"))[0]["where"] == "customer id"


def test_a_wrong_or_missing_url_is_an_error_that_does_not_repeat_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "control URL" in run("reset", "--control-url", "http://127.0.0.1/secret-token", code=3)
    assert "does not answer" in run("reset", "--control-url", "http://127.0.0.1:1/_emulator/secret-token", code=4)
    monkeypatch.delenv(CONTROL_URL)
    assert CONTROL_URL in run("reset", code=2)


def test_every_command_has_its_line_of_help(run: Run) -> None:
    shown = run("--help")
    assert all(f"  {name} " in shown for name in COMMANDS)


def test_seeds_are_a_demo_card_a_number_and_files(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.touch()
    assert parse_seeds(("demo", "42", str(file))) == (42, (file,), True)
    assert parse_seeds(()) == (None, (), False)
    for wrong in (("1", "2"), ("none.yaml",)):
        with pytest.raises(click.UsageError):
            parse_seeds(wrong)
