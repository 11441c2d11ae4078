"""The journal of calls: redacted, filtered, checked, repeated, shown as a command."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from tests.support.embedded import LIST, ask, calls, save, saved
from tests.support.emulator_process import VISA_DEBIT, instruments
from tokenvault_server.embedded import ControlError, Emulator
from tokenvault_server.emulator.redaction import HIDDEN, shown_body, shown_target
from tokenvault_server.telemetry.logs import MASK

CALL = ("GET", instruments("asha") + LIST)
TOKEN_FIELDS = '{"payment_session_id": "session_x", "otp": "111000", "card_cvv": "123", "cryptogram": "AAB="}'


def test_the_journal_shows_a_call_without_what_must_not_be_shown(emulator: Emulator) -> None:
    saved(emulator)
    (entry,) = emulator.requests.find()
    assert (entry.method, entry.path, entry.operation) == ("POST", "/pg/customers/asha/instruments", "enrol_instrument")
    assert (entry.status, entry.customer_id, entry.version) == (201, "asha", "2026-01-01")
    assert entry.body["card"] == dict.fromkeys(entry.body["card"], HIDDEN)
    assert entry.body["afa_reference"] == "740324562"
    assert entry.headers["x-client-secret"] == HIDDEN
    assert entry.ms is not None
    assert emulator.client_secret not in str(entry)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (instruments(VISA_DEBIT), {}),
        (instruments("4706-1312 1121 2123"), {}),
        (f"/customers/asha/instruments?card={VISA_DEBIT}", {}),
        (instruments("asha"), {"x-request-id": VISA_DEBIT}),
        (instruments("asha"), {"x-idempotency-key": f"key {VISA_DEBIT}"}),
        (instruments("asha"), {"user-agent": VISA_DEBIT}),
        (f"/unknown/{VISA_DEBIT}", {}),
    ],
)
def test_a_card_number_in_the_wrong_place_is_masked(emulator: Emulator, target: str, headers: dict[str, str]) -> None:
    ask(emulator, "GET", target, headers=headers)
    (entry,) = emulator.requests.find()
    text = str(entry).replace(" ", "").replace("-", "").replace("%20", "")
    assert VISA_DEBIT not in text
    assert MASK in str(entry)


def test_bodies_of_payments_are_hidden_too() -> None:
    assert set(shown_body(TOKEN_FIELDS.encode()).values()) == {HIDDEN}
    assert shown_body(b"card_number=4706131211212123") == HIDDEN
    assert shown_body(b'[{"note": "4706131211212123", "n": 4706131211212123, "ok": true}]') == [
        {"note": MASK, "n": MASK, "ok": True}
    ]
    assert shown_body(b"") is None


def test_a_target_is_shown_as_it_was_sent_unless_it_hides_something() -> None:
    assert shown_target(b"/pg/customers/a%2Fb/instruments") == "/pg/customers/a%2Fb/instruments"
    assert VISA_DEBIT[-4:] not in shown_target(b"/pg/customers/4706%31312%311212123/instruments")


def test_calls_are_found_by_what_they_were(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    ask(emulator, *CALL)
    ask(emulator, "GET", instruments("ravi", instrument_id), headers={"x-request-id": "mine"})

    def found(**fields: object) -> int:
        return len(emulator.requests.find(**fields))

    assert (found(), found(customer="asha"), found(operation="fetch_instrument")) == (3, 2, 1)
    assert (found(status=404), found(code="instrument_not_found"), found(method="get")) == (1, 1, 2)
    assert (found(request_id="mine"), found(path="ravi"), found(instrument=instrument_id)) == (1, 1, 1)
    assert [entry.customer_id for entry in emulator.requests.find(limit=1)] == ["ravi"]
    emulator.requests.clear()
    assert found() == 0


def test_a_filter_that_does_not_exist_is_refused_with_those_that_do(emulator: Emulator) -> None:
    with pytest.raises(ControlError, match="operation, customer") as refused:
        emulator.requests.find(colour="red")
    assert refused.value.code == "request_invalid"


def test_an_assertion_counts_the_calls_that_match(emulator: Emulator) -> None:
    ask(emulator, *CALL)
    ask(emulator, *CALL)
    assert emulator.requests.expect(customer="asha") == 2
    assert emulator.requests.expect(count=2) == 2
    assert emulator.requests.expect(at_least=1, at_most=2) == 2
    assert emulator.requests.expect(status=500, count=0) == 0
    for fields in ({"customer": "ravi"}, {"count": 3}, {"at_most": 1}, {"at_least": 3}):
        with pytest.raises(AssertionError, match="the journal has"):
            emulator.requests.expect(**fields)


def test_a_call_is_replayed_with_the_emulators_own_credentials(emulator: Emulator) -> None:
    ask(emulator, *CALL, headers={"x-client-secret": "wrong"})
    (refused,) = emulator.requests.find()
    assert refused.status == 401
    replayed = emulator.requests.replay(refused.id)
    assert (replayed.status, replayed.request.status, replayed.request.path) == (200, 200, refused.path)
    assert len(emulator.requests.find()) == 2


def test_a_replayed_deletion_acts_again_without_its_idempotency_key(emulator: Emulator) -> None:
    call = calls("asha", saved(emulator))["delete_instrument"]
    ask(emulator, *call, headers={"x-idempotency-key": "delete-1"})
    replayed = emulator.requests.replay(emulator.requests.find(method="DELETE")[0].id)
    assert (replayed.status, replayed.request.replayed) == (200, False)
    assert "x-idempotency-key" not in replayed.request.headers


def test_a_call_that_carried_a_card_number_cannot_be_replayed(emulator: Emulator) -> None:
    save(emulator)
    (entry,) = emulator.requests.find()
    assert not entry.replayable
    with pytest.raises(ControlError) as refused:
        emulator.requests.replay(entry.id)
    assert refused.value.code == "not_replayable"


def test_a_call_is_shown_as_a_command_that_repeats_it(emulator: Emulator) -> None:
    ask(emulator, "GET", instruments("a'b") + LIST)
    (entry,) = emulator.requests.find()
    command = emulator.requests.curl(entry.id)
    assert emulator.client_id not in command
    assert emulator.client_secret not in command
    environment = {
        "CASHFREE_CLIENT_ID": emulator.client_id,
        "CASHFREE_CLIENT_SECRET": emulator.client_secret,
        "PATH": "/usr/bin:/bin",
    }
    shell = ["sh", "-c", f"{command} -s -o /dev/null -w '%{{http_code}}'"]
    assert subprocess.run(shell, env=environment, capture_output=True, text=True, check=True).stdout == "200"
    assert emulator.requests.find()[1].customer_id == "a'b"


def test_a_command_keeps_hidden_what_was_hidden(emulator: Emulator) -> None:
    save(emulator)
    (entry,) = emulator.requests.find()
    command = emulator.requests.curl(entry.id)
    assert VISA_DEBIT not in command
    assert HIDDEN in shlex.split(command)[-1]


def test_a_call_that_is_not_in_the_journal_is_not_found(emulator: Emulator) -> None:
    ask(emulator, *CALL)
    with pytest.raises(ControlError, match="1 to 1"):
        emulator.requests.curl("7")
