"""One test for each question that the published documents leave open, over a socket."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import time
from uuid import UUID

import pytest

from tests.api_over_http.emulator_files import DAY, Running, running_in
from tests.api_over_http.starting import await_ready, starting, status_of
from tests.support.commands import run_json
from tests.support.emulator_process import CREATED, LATEST, VISA_DEBIT, enrolment, instruments
from tests.support.http_client import Answer, Connection, Json
from tests.support.signatures import signature
from tokenvault_contract.versions import SUPPORTED

CARDS = "?instrument_type=card"
MASTERCARD = "5409162669381034"
UNKNOWN = "019ad000-0000-7000-8000-000000000000"
RATE_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-retry", "x-ratelimit-type")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_in(tmp_path_factory.mktemp("decisions") / "vault") as running:
        yield running


def error_of(answer: Answer) -> tuple[int, str]:
    """The status and the code of an answer that refuses."""
    return answer.status, answer.json()["code"]


def saved(running: Running, customer: str, pan: str = VISA_DEBIT) -> str:
    return instruments(customer, running.emulator.save(customer, pan)["instrument_id"])


def replayed(answer: Answer) -> bool:
    return answer.headers["x-idempotency-replayed"] == "true"


def test_supported_x_api_version(running: Running) -> None:
    target = instruments("versions") + CARDS
    assert SUPPORTED == ("2022-01-01", "2022-09-01", "2023-08-01", "2025-01-01", "2026-01-01")
    for version in SUPPORTED:
        answer = running.ask("GET", target, x_api_version=version)
        assert (answer.status, answer.headers["x-api-version"]) == (200, version)
    assert error_of(running.ask("GET", target, leaving_out="x-api-version")) == (400, "version_missing")
    unknown = running.ask("GET", target, x_api_version="2021-05-21")
    assert error_of(unknown) == (400, "version_invalid")
    assert all(version in unknown.json()["message"] for version in SUPPORTED)


def test_shapes_are_old_or_current_by_version(running: Running) -> None:
    path = saved(running, "shapes")
    for version in SUPPORTED:
        answer = running.ask("GET", path, x_api_version=version)
        assert shape(answer.json()) == (OLD_SHAPE if version <= "2023-08-01" else NEW_SHAPE)
        assert "x-deprecated-at" not in answer.headers
        refused = running.ask("GET", instruments("shapes", UNKNOWN), x_api_version=version)
        assert ("help" in refused.json()) == (version >= "2025-01-01")


OLD_SHAPE = ("VISA", "DEBIT_CARD", "xxxxxxxxxxxx2123", len("2021-11-11 16:57:57"), 2, False, str)
NEW_SHAPE = ("visa", "debit_card", "XXXXXXXXXXXX2123", len("2023-11-01T04:55:07.000+00:00"), 4, True, str)


def shape(card: Json) -> tuple[object, ...]:
    """What tells the shapes apart: names, the display, the form of moments, digits of a year, the sub type."""
    meta = card["instrument_meta"]
    year = meta["card_token_details"]["expiry_year"]
    named = (meta["card_network"], meta["card_type"], card["instrument_display"], len(card["created_at"]), len(year))
    return (*named, "card_sub_type" in meta, type(card["afa_reference"]))


def test_list_is_oldest_first_without_deleted_cards(running: Running) -> None:
    paths = [saved(running, "list", pan) for pan in (VISA_DEBIT, MASTERCARD, VISA_DEBIT)]
    suspend(running, paths[1])
    assert running.ask("DELETE", paths[2]).status == 200
    for query in (CARDS, CARDS + CARDS, CARDS + "&instrument_type=card"):  # as three generations of SDKs send it
        listed = running.ask("GET", instruments("list") + query).json()
        assert [instruments("list", card["instrument_id"]) for card in listed] == paths[:2]
        assert [card["instrument_status"] for card in listed] == ["ACTIVE", "INACTIVE"]
    assert error_of(running.ask("GET", instruments("list"))) == (400, "instrument_type_missing")
    assert error_of(running.ask("GET", instruments("list") + "?instrument_type=upi")) == (
        400,
        "instrument_type_invalid",
    )
    nobody = running.ask("GET", instruments("nobody") + CARDS)
    assert (nobody.status, nobody.json()) == (200, [])


def suspend(running: Running, path: str) -> None:
    running.change_genuinely(
        "UPDATE instruments SET status = 'INACTIVE' WHERE instrument_id = ?", path.rpartition("/")[2]
    )


def test_fetch_one_or_cryptogram_of_a_deleted_or_unknown_instrument(running: Running) -> None:
    deleted, of_another_customer = saved(running, "gone"), saved(running, "another")
    assert running.ask("DELETE", deleted).status == 200
    of_another_merchant = saved(running.merchant("Next door"), "gone")
    in_vain = [
        deleted,
        instruments("gone", UNKNOWN),
        instruments("gone", of_another_customer.rpartition("/")[2]),
        of_another_merchant,
    ]
    answers = [running.ask("GET", path + end) for path in in_vain for end in ("", "/cryptogram")]
    assert {error_of(answer) for answer in answers} == {(404, "instrument_not_found")}
    assert len({answer.body for answer in answers}) == 1


def test_cryptogram_of_an_inactive_instrument(running: Running) -> None:
    path = saved(running, "suspended")
    suspend(running, path)
    assert error_of(running.ask("GET", path + "/cryptogram")) == (409, "instrument_inactive")
    assert running.ask("GET", path).json()["instrument_status"] == "INACTIVE"


def test_delete_says_the_same_again_for_thirty_days(running: Running) -> None:
    path = saved(running, "delete")
    first, again = running.ask("DELETE", path), running.ask("DELETE", path)
    assert (first.status, again.status) == (200, 200)
    assert first.json()["instrument_status"] == "INACTIVE"
    assert first.json()["instrument_meta"]["card_token_details"] is None
    assert again.body == first.body
    running.age("instruments.deleted_at", 30 * DAY)
    assert error_of(running.ask("DELETE", path)) == (404, "instrument_not_found")


def test_ids_are_one_segment_decoded_once(running: Running) -> None:
    odd = saved(running, "a/b c%\u00e9")
    assert running.ask("GET", odd).json()["customer_id"] == "a/b c%\u00e9"  # one segment, decoded once
    assert running.ask("GET", instruments("a/b c%25\u00e9") + CARDS).json() == []
    for segment in ("", ".", "..", "%2e%2e", "%00", "a" * 129, "{customer_id}", "%7Bcustomer_id%7D"):
        customer = running.ask("GET", f"/customers/{segment}/instruments{CARDS}")
        assert error_of(customer) == (400, "customer_id_invalid"), segment
    for segment in (".", "..", "%0a", "b" * 129, "{instrument_id}"):
        for method in ("GET", "DELETE"):
            instrument = running.ask(method, f"/customers/a/instruments/{segment}")
            assert error_of(instrument) == (400, "instrument_id_invalid"), segment


def test_idempotency_key_acts_once_for_a_day(running: Running) -> None:
    target, body = instruments("once"), enrolment()

    def save(key: str, content: Json = body) -> Answer:
        return running.ask("POST", target, content, x_idempotency_key=key)

    first, again = save("once-1"), save("once-1")
    assert (first.status, again.status, again.body) == (CREATED, CREATED, first.body)
    assert [replayed(answer) for answer in (first, again)] == [False, True]
    assert first.headers["x-idempotency-key"] == "once-1"
    assert error_of(save("once-1", enrolment(MASTERCARD))) == (422, "idempotency_error")
    path = instruments("once", first.json()["instrument_id"])
    assert error_of(running.ask("DELETE", path, x_idempotency_key="once-1")) == (422, "idempotency_error")
    assert error_of(running.ask("GET", path, x_idempotency_key="once-1")) == (422, "idempotency_error")
    assert not replayed(running.ask("GET", path, x_idempotency_key="once-read"))
    for key in ("k" * 129, "two words", "\u00e9", VISA_DEBIT):
        assert error_of(save(key)) == (400, "x-idempotency-key_invalid"), key
    running.change("UPDATE idempotency_keys SET state = 'running', held_until = ?", 2**62)
    assert error_of(save("once-1")) == (409, "request_in_progress")
    running.age("idempotency_keys.expires_at", DAY)
    assert not replayed(save("once-1"))
    assert len(running.ask("GET", target + CARDS).json()) == 2


def test_idempotency_key_of_a_call_that_failed_on_our_side(running: Running) -> None:
    with running.without("tokens", "tsp.db"):
        failed = running.ask("POST", instruments("retry"), enrolment(), x_idempotency_key="retry-1")
    succeeded = running.ask("POST", instruments("retry"), enrolment(), x_idempotency_key="retry-1")
    assert (failed.status, succeeded.status, replayed(succeeded)) == (502, CREATED, False)


def test_cryptogram_is_new_with_every_call_or_key(running: Running) -> None:
    path = saved(running, "cryptogram") + "/cryptogram"
    answers = [running.ask("GET", path) for _ in range(3)]
    keyed, again = [running.ask("GET", path, x_idempotency_key="pay-1") for _ in range(2)]
    other = running.ask("GET", path, x_idempotency_key="pay-2")
    assert again.body == keyed.body
    assert len({answer.json()["cryptogram"] for answer in (*answers, keyed, other)}) == 5
    assert {answer.headers["cache-control"] for answer in (*answers, keyed, again, other)} == {"no-store"}
    assert len(base64.b64decode(keyed.json()["cryptogram"])) == 20


def test_rate_limits_slide_over_a_minute(running: Running) -> None:
    busy = running.merchant("Busy")
    target = instruments("rates") + CARDS
    with busy.emulator.connection() as connection:
        answers = [connection.ask("GET", target) for _ in range(203)]
    assert Counter(answer.status for answer in answers) == {200: 200, 429: 3}
    assert [answers[index].headers["x-ratelimit-remaining"] for index in (0, 199, 200)] == ["199", "0", "0"]
    over = answers[-1]
    assert 1 <= int(over.headers["x-ratelimit-retry"]) <= 60
    assert over.headers["x-ratelimit-type"] == "app_id"
    assert "retry-after" not in over.headers
    assert busy.ask("DELETE", instruments("rates", UNKNOWN)).headers["x-ratelimit-limit"] == "100"
    assert running.ask("GET", target).status == 200  # the neighbour's budget is its own
    nobody = running.ask("GET", target, x_client_secret="wrong")
    assert (nobody.status, nobody.headers["x-ratelimit-type"]) == (401, "ip")
    for answer in (over, nobody, running.ask("GET", "/nowhere"), running.ask("GET", instruments("rates", UNKNOWN))):
        assert all(answer.headers[name] for name in RATE_HEADERS)


def test_x_request_id_comes_back_or_is_made(running: Running) -> None:
    target = instruments("request-ids") + CARDS
    assert running.ask("GET", target, x_request_id="my-own/1").headers["x-request-id"] == "my-own/1"
    made = {running.ask("GET", path).headers["x-request-id"] for path in (target, target, "/nowhere")}
    assert len(made) == 3
    assert error_of(running.ask("GET", target, x_request_id="r" * 129))[0] == 400


def test_partner_auth_reaches_linked_merchants_only(running: Running) -> None:
    mine = {"x-partner-apikey": running.emulator.partner_api_key}
    names = {"x-partner-merchantid": running.emulator.partner_merchant_id, "x-client-id": running.emulator.client_id}
    stranger = running.merchant("Stranger").emulator
    strangers = {"x-partner-merchantid": stranger.partner_merchant_id, "x-client-id": stranger.client_id}
    for header in ("x-partner-merchantid", "x-client-id"):
        assert signed_in(running, mine | {header: names[header]}) == 200
        assert signed_in(running, mine | {header: strangers[header]}) == 401
        assert signed_in(running, {"x-partner-apikey": "wrong", header: names[header]}) == 401


def test_x_client_signature_holds_for_ten_minutes(running: Running) -> None:
    merchant = running.merchant("Signer")
    client_id, merchant_id = merchant.emulator.client_id, merchant.emulator.partner_merchant_id
    key = run_json("merchant", "signature-key", merchant_id, "--data", str(running.data))["public_key"]
    now = int(time())
    for age, status in ((0, 200), (590, 200), (-50, 200), (610, 401), (-90, 401)):
        signed = signature(key, client_id, now - age)
        for _ in range(2):  # it carries no nonce
            assert signed_in(running, {"x-client-id": client_id, "x-client-signature": signed}) == status, age
    of_another = signature(key, running.emulator.client_id, now)
    assert signed_in(running, {"x-client-id": client_id, "x-client-signature": of_another}) == 401


def signed_in(running: Running, credentials: dict[str, str]) -> int:
    """Gives the status of a call with these credentials and no others."""
    with Connection(running.emulator.base_url, {"x-api-version": LATEST} | credentials) as connection:
        return connection.ask("GET", instruments("partner") + CARDS).status


def test_wrong_or_incomplete_credentials(running: Running) -> None:
    target = instruments("nobody") + CARDS
    answers = [
        running.ask("GET", target, x_client_secret="wrong"),
        running.ask("GET", target, x_client_id="CLIENTunknown"),
        running.ask("GET", target, leaving_out="x-client-secret"),
        running.ask("GET", target, leaving_out="x-client-id"),
        running.ask("GET", target, x_partner_apikey="wrong"),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].json() == {
        "message": "authentication Failed",
        "code": "request_failed",
        "type": "authentication_error",
    }


def test_instrument_uid_names_the_card_at_one_merchant(running: Running) -> None:
    one, other = (running.emulator.save(customer)["instrument_uid"] for customer in ("uid-1", "uid-2"))
    assert one == other
    assert len(bytes.fromhex(one)) == 32
    assert running.emulator.save("uid-1", MASTERCARD)["instrument_uid"] != one
    assert running.merchant("Somewhere else").emulator.save("uid-1")["instrument_uid"] != one


def test_saving_a_card(running: Running) -> None:
    before = len(running.ask("GET", instruments("saving") + CARDS).json())
    answer = running.ask("POST", instruments("saving"), enrolment())
    listed = running.ask("GET", instruments("saving") + CARDS).json()
    assert (before, answer.status, listed) == (0, CREATED, [answer.json()])


def test_unknown_route_or_method(running: Running) -> None:
    nowhere = running.ask("GET", "/customers")
    assert error_of(nowhere) == (404, "request_failed")
    assert nowhere.json()["message"] == "bad URL, please check API documentation"
    assert error_of(running.ask("PUT", instruments("methods"))) == (405, "method_not_allowed")


def test_tsp_down_slow_or_refusing(running: Running) -> None:
    path = saved(running, "outage")
    with running.without("tokens", "tsp.db"):
        save, pay = running.ask("POST", instruments("outage"), enrolment()), running.ask("GET", path + "/cryptogram")
    assert [error_of(answer) for answer in (save, pay)] == [(502, "tokenization_service_unavailable")] * 2
    assert {answer.json()["type"] for answer in (save, pay)} == {"api_error"}
    assert len(running.ask("GET", instruments("outage") + CARDS).json()) == 1


def test_vault_losing_its_database(running: Running) -> None:
    path = saved(running, "lost")
    with running.without("instruments"), running.without("vault"):
        answer = running.ask("GET", path, x_request_id="look-here")
        assert ready(running) == 503
    assert error_of(answer) == (500, "internal_error")
    assert (answer.headers["x-request-id"], names_nothing(answer)) == ("look-here", True)
    assert (running.ask("GET", path).status, ready(running)) == (200, 200)


def test_vault_sealed_because_its_master_key_is_away(running: Running) -> None:
    master_key = running.data / "master.key"
    master_key.chmod(0o644)
    try:
        assert ready(running) == 503
    finally:
        master_key.chmod(0o600)
    assert ready(running) == 200


def test_vault_sealed_for_what_its_provider_does_not_unwrap(running: Running) -> None:
    merchant = running.merchant("Sealed")
    running.change("UPDATE keys SET wrapped = zeroblob(60) WHERE owner = ?", merchant.emulator.partner_merchant_id)
    answer = merchant.ask("POST", instruments("sealed"), enrolment(), x_request_id="look-here")
    assert error_of(answer) == (500, "internal_error")
    assert (answer.headers["x-request-id"], names_nothing(answer)) == ("look-here", True)
    assert running.ask("GET", saved(running, "unsealed")).status == 200  # the neighbours' keys are in use


def test_vault_starting_because_its_database_is_held(tmp_path: Path) -> None:
    with starting(tmp_path) as (served, held):
        assert [status_of(served, path) for path in ("/health", "/ready")] == [200, 503]
        held.rollback()
        await_ready(served)
        assert served.ask("GET", instruments("nobody") + CARDS) == (200, [])


def names_nothing(answer: Answer) -> bool:
    """Tell whether a body says no more than that something is wrong inside."""
    body = answer.json()
    return bool(body["message"] == "internal Server Error" and body.keys() == {"message", "code", "type", "help"})


def ready(running: Running) -> int:
    """Gives what the admin side says of the vault's readiness."""
    return status_of(running.emulator, "/ready")


def test_enrolment_takes_what_is_documented_and_no_more(running: Running) -> None:
    target = instruments("enrolment")
    first, again = (running.ask("POST", target, enrolment()) for _ in range(2))
    assert (first.status, again.status) == (CREATED, CREATED)
    assert first.json()["instrument_uid"] == again.json()["instrument_uid"]
    ids = [UUID(answer.json()["instrument_id"]) for answer in (first, again)]
    assert ids[0] < ids[1]
    assert VISA_DEBIT.encode() not in first.body
    for change, code in REFUSED_ENROLMENTS:
        assert error_of(running.ask("POST", target, enrolment() | change)) == (400, code)
    for card, code in REFUSED_CARDS:
        body = enrolment()
        body["card"] |= card
        assert error_of(running.ask("POST", target, body)) == (400, code)


REFUSED_ENROLMENTS: tuple[tuple[Json, str], ...] = (
    ({"afa_reference": ""}, "afa_reference_missing"),
    ({"consent": {}}, "consent.given_at_missing"),
    ({"instrument_type": "upi"}, "instrument_type_invalid"),
    ({"cvv": "123"}, "request_invalid"),
)
REFUSED_CARDS: tuple[tuple[Json, str], ...] = (
    ({"card_number": "4706131211212124"}, "card_number_invalid"),
    ({"card_number": "4111111111111111"}, "card_not_supported"),
    ({"card_expiry_yy": "20"}, "card_expiry_invalid"),
    ({"card_cvv": "123"}, "request_invalid"),
)
