"""A call under a key acts once; its repeats get the first answer, byte for byte."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.api.calls import ENROLMENT, INSTRUMENTS, Answer, Client, changed
from tests.support.builders import VISA, sql, stored_in
from tests.support.clock import SettableClock
from tests.support.tsp import ScriptedTsp, scripted
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.errors import TokenServiceUnavailableError

CALLERS = 100
NOBODY = f"{INSTRUMENTS}/019ad000-0000-7000-8000-000000000000"


@pytest.fixture
async def troubled(vault: Vault) -> AsyncIterator[tuple[Client, ScriptedTsp]]:
    """A client of a vault whose token service follows a script."""
    behind, script = scripted(vault)
    api = Api(vault.settings, behind)
    yield Client(behind, await api.start(), await behind.merchants.add("Shop", "tests")), script
    await api.stop()


async def save(client: Client, key: str = "save-1") -> Answer:
    return await client.call("POST", body=changed(), x_idempotency_key=key)


def replayed(answer: Answer) -> bool:
    return answer.headers["x-idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["a", "0197f0a0-0000-7000-8000-000000000001", "!" * 128, "order=1;attempt=2"])
async def test_visible_ascii_is_a_key_and_is_echoed(client: Client, key: str) -> None:
    answer = await client.call(x_idempotency_key=key)
    assert (answer.status, answer.headers["x-idempotency-key"]) == (200, key)


@pytest.mark.parametrize("key", ["", " ", "a b", "\xe9", "x" * 129, VISA])
async def test_any_other_key_is_refused_and_not_echoed(client: Client, key: str) -> None:
    answer = await client.call(x_idempotency_key=key)
    assert (answer.status, answer.code) == (400, "x-idempotency-key_invalid")
    assert "x-idempotency-key" not in answer.headers


async def test_without_a_key_none_is_echoed(client: Client) -> None:
    assert "x-idempotency-key" not in (await client.call()).headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/pg/nowhere", 404), ("PUT", INSTRUMENTS, 405), ("DELETE", INSTRUMENTS + "/..", 400)],
    ids=["unrouted", "method", "dots"],
)
async def test_a_key_is_echoed_by_errors_that_come_before_it(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = await client.call(method, path, x_idempotency_key="k")
    assert (answer.status, answer.headers["x-idempotency-key"]) == (status, "k")


async def test_a_key_is_echoed_to_unauthenticated_callers(client: Client) -> None:
    answer = await client.call(x_idempotency_key="k", x_client_secret="wrong")
    assert (answer.status, answer.headers["x-idempotency-key"]) == (401, "k")


async def test_a_call_that_cannot_be_settled_is_not_answered_as_done(client: Client) -> None:
    await client.tell("CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert (await client.call("POST", body=changed())).status == 500
    await client.tell("DROP TRIGGER full")
    assert (await client.call()).body == []


async def test_a_repeated_enrolment_gets_the_first_answer_and_saves_nothing(client: Client) -> None:
    first, again = await save(client), await save(client)
    assert (first.status, replayed(first)) == (201, False)
    assert (again.status, again.raw, replayed(again)) == (201, first.raw, True)
    assert len((await client.call()).body) == 1


async def test_a_repeated_delete_gets_the_first_answer(client: Client) -> None:
    path = await client.save()
    first, again = [await client.call("DELETE", path, x_idempotency_key="k") for _ in range(2)]
    assert (again.status, again.raw, replayed(again)) == (200, first.raw, True)


async def test_a_repeated_cryptogram_is_the_same_one_and_spends_no_counter(client: Client) -> None:
    path = await client.save()
    first, again = [await client.call("GET", path + "/cryptogram", x_idempotency_key="k") for _ in range(2)]
    assert (again.raw, replayed(again)) == (first.raw, True)
    assert again.headers["cache-control"] == first.headers["cache-control"] == "no-store"
    assert await sql(client.vault.engine, "SELECT cryptogram_count FROM instruments") == [(1,)]


async def test_a_repeat_spends_the_rate_budget(client: Client) -> None:
    first, again = await save(client), await save(client)
    spent = [int(answer.headers["x-ratelimit-remaining"]) for answer in (first, again)]
    assert spent[0] - spent[1] == 1


async def test_a_callers_mistake_is_stored_like_a_success(client: Client, clock: SettableClock) -> None:
    body = changed(card__card_expiry_yy="26", card__card_expiry_mm="12")
    clock.advance(days=60)
    first = await client.call("POST", body=body, x_idempotency_key="k")
    clock.at -= 60 * 86_400_000_000
    again = await client.call("POST", body=body, x_idempotency_key="k")
    assert first.status == 400
    assert (again.status, again.raw, replayed(again)) == (400, first.raw, True)
    assert (await client.call("POST", body=body, x_idempotency_key="other")).status == 201


async def test_not_found_is_stored_and_may_be_kept_by_caches_as_the_first_time(client: Client) -> None:
    first, again = [await client.call("GET", NOBODY + "/cryptogram", x_idempotency_key="k") for _ in range(2)]
    assert (first.status, again.raw, replayed(again)) == (404, first.raw, True)
    assert "cache-control" not in first.headers | again.headers


async def test_the_same_key_does_not_fit_another_operation(client: Client) -> None:
    path = await client.save()
    assert (await client.call("DELETE", path, x_idempotency_key="k")).status == 200
    answer = await client.call("GET", path + "/cryptogram", x_idempotency_key="k")
    assert (answer.status, answer.code, answer.body["type"]) == (422, "idempotency_error", "idempotency_error")
    assert answer.headers["x-idempotency-key"] == "k"
    assert not replayed(answer)


async def test_the_same_key_does_not_fit_another_path(client: Client) -> None:
    one, other = await client.save(), await client.save()
    assert (await client.call("DELETE", one, x_idempotency_key="k")).status == 200
    assert (await client.call("DELETE", other, x_idempotency_key="k")).code == "idempotency_error"
    assert (await client.call("GET", other)).status == 200


async def test_the_same_key_does_not_fit_another_body(client: Client) -> None:
    await save(client)
    answer = await client.call("POST", body=changed(afa_reference="740324563"), x_idempotency_key="save-1")
    assert answer.code == "idempotency_error"


async def test_a_body_with_another_space_is_another_body(client: Client) -> None:
    await save(client)
    answer = await client.call("POST", body=json.dumps(ENROLMENT, indent=1).encode(), x_idempotency_key="save-1")
    assert answer.code == "idempotency_error"


async def test_the_same_key_does_not_fit_another_version(client: Client) -> None:
    await save(client)
    answer = await client.call("POST", body=changed(), x_api_version="2023-08-01", x_idempotency_key="save-1")
    assert answer.code == "idempotency_error"


async def test_a_used_key_does_not_fit_a_plain_read(client: Client) -> None:
    await save(client)
    assert (await client.call(x_idempotency_key="save-1")).code == "idempotency_error"


async def test_a_plain_read_is_fresh_and_leaves_its_key_free(client: Client) -> None:
    assert (await client.call(x_idempotency_key="k")).body == []
    assert (await save(client, "k")).status == 201
    assert (await client.call(x_idempotency_key="other")).body != []


async def test_a_repeat_while_the_first_call_runs_is_a_409(troubled: tuple[Client, ScriptedTsp]) -> None:
    client, script = troubled
    meanwhile: list[Answer] = []

    async def repeat() -> None:
        meanwhile.append(await save(client))
        meanwhile.append(await client.call(x_idempotency_key="save-1"))

    script.meanwhile = repeat
    assert (await save(client)).status == 201
    assert [(answer.status, answer.code) for answer in meanwhile] == [
        (409, "request_in_progress"),
        (422, "idempotency_error"),
    ]
    assert replayed(await save(client))


async def test_a_failure_on_our_side_is_not_stored(troubled: tuple[Client, ScriptedTsp]) -> None:
    client, script = troubled
    script.failures["provision"] = TokenServiceUnavailableError()
    failed = await save(client)
    assert (failed.status, failed.code) == (502, "tokenization_service_unavailable")
    script.failures.clear()
    succeeded = await save(client)
    assert (succeeded.status, replayed(succeeded)) == (201, False)


async def test_an_unforeseen_failure_is_not_stored(troubled: tuple[Client, ScriptedTsp]) -> None:
    client, script = troubled
    script.failures["provision"] = ZeroDivisionError()
    assert (await save(client)).status >= 500
    script.failures.clear()
    assert (await save(client)).status == 201


async def test_a_call_whose_client_disconnects_releases_its_key(troubled: tuple[Client, ScriptedTsp]) -> None:
    client, script = troubled
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    script.meanwhile = hang
    call = asyncio.create_task(save(client))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await save(client)).status == 201


async def test_a_key_is_free_again_after_a_day(client: Client, clock: SettableClock) -> None:
    first = await save(client)
    clock.advance(days=1, seconds=-1)
    assert replayed(await save(client))
    clock.advance(seconds=1)
    anew = await save(client)
    assert (anew.status, replayed(anew)) == (201, False)
    assert anew.body["instrument_id"] != first.body["instrument_id"]


async def test_keys_belong_to_their_merchant(client: Client, vault: Vault) -> None:
    neighbour = Client(vault, client.pipeline, await vault.merchants.add("Next door", "tests"))
    first, other = await save(client), await save(neighbour)
    assert (other.status, replayed(other)) == (201, False)
    assert first.body["instrument_id"] != other.body["instrument_id"]


async def test_a_partner_shares_the_keys_of_the_merchant_it_acts_for(client: Client, vault: Vault) -> None:
    merchant_id = client.merchant.merchant.merchant_id
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, merchant_id, "tests")
    first = await save(client)
    client.credentials = {"x-partner-apikey": partner.api_key.reveal(), "x-partner-merchantid": merchant_id}
    again = await save(client)
    assert (again.raw, replayed(again)) == (first.raw, True)


async def test_stored_replies_are_sealed(client: Client, tmp_path: Path) -> None:
    path = await client.save()
    answer = await client.call("GET", path + "/cryptogram", x_idempotency_key="k")
    stored = stored_in(tmp_path)
    assert b"idempotency_keys" in stored
    assert answer.body["cryptogram"].encode() not in stored
    assert answer.body["card_number"].encode() not in stored


async def test_equal_calls_of_two_merchants_leave_unequal_fingerprints(client: Client, vault: Vault) -> None:
    neighbour = Client(vault, client.pipeline, await vault.merchants.add("Next door", "tests"))
    await save(client)
    await save(neighbour)
    assert len(set(await sql(vault.engine, "SELECT fingerprint FROM idempotency_keys"))) == 2


async def test_a_stored_cryptogram_dies_with_its_cryptogram_and_its_key_acts_again(
    client: Client, clock: SettableClock
) -> None:
    clock.advance(seconds=30)  # to a whole minute: a cryptogram's life is counted in those
    path = await client.save() + "/cryptogram"
    first = await client.call("GET", path, x_idempotency_key="k")
    clock.advance(minutes=15, seconds=-1)
    assert replayed(await client.call("GET", path, x_idempotency_key="k"))
    clock.advance(seconds=1)
    anew = await client.call("GET", path, x_idempotency_key="k")
    assert (anew.status, replayed(anew)) == (200, False)
    assert anew.body["cryptogram"] != first.body["cryptogram"]
    assert (await client.call("GET", path, x_idempotency_key="k")).raw == anew.raw


async def test_the_key_of_a_dead_cryptogram_still_fits_no_other_call(client: Client, clock: SettableClock) -> None:
    path = await client.save()
    await client.call("GET", path + "/cryptogram", x_idempotency_key="k")
    clock.advance(minutes=16)
    await client.vault.idempotency_keys.sweep()
    assert (await client.call("DELETE", path, x_idempotency_key="k")).code == "idempotency_error"
    assert (await client.call("GET", path + "/cryptogram", x_idempotency_key="k")).status == 200


async def test_a_delete_takes_the_replies_about_its_card_along(client: Client) -> None:
    saved = await save(client)
    path = f"{INSTRUMENTS}/{saved.body['instrument_id']}"
    other = await save(client, "save-2")
    assert (await client.call("GET", path + "/cryptogram", x_idempotency_key="pay-1")).status == 200
    assert (await client.call("DELETE", path, x_idempotency_key="delete-1")).status == 200
    for again in (await save(client), await client.call("GET", path + "/cryptogram", x_idempotency_key="pay-1")):
        assert (again.status, again.code, replayed(again)) == (404, "instrument_not_found", False)
    assert replayed(await client.call("DELETE", path, x_idempotency_key="delete-1"))
    assert (await save(client, "save-2")).raw == other.raw


async def test_a_body_that_is_too_large_leaves_its_key_free(client: Client) -> None:
    assert (await client.call("POST", body=None, x_idempotency_key="save-1")).status == 413
    assert (await save(client)).status == 201


async def test_a_hundred_enrolments_with_one_key_save_one_card(client: Client) -> None:
    answers = await asyncio.gather(*(save(client) for _ in range(CALLERS)))
    assert_one_acted(answers, 201)
    assert len((await client.call()).body) == 1


async def test_a_hundred_cryptograms_with_one_key_spend_one_counter(client: Client) -> None:
    path = await client.save() + "/cryptogram"
    answers = await asyncio.gather(*(client.call("GET", path, x_idempotency_key="k") for _ in range(CALLERS)))
    assert_one_acted(answers, 200)
    assert await sql(client.vault.engine, "SELECT cryptogram_count FROM instruments") == [(1,)]


async def test_a_hundred_deletes_with_one_key_delete_once(client: Client) -> None:
    path = await client.save()
    answers = await asyncio.gather(*(client.call("DELETE", path, x_idempotency_key="k") for _ in range(CALLERS)))
    assert_one_acted(answers, 200)
    deletions = "SELECT COUNT(*) FROM audit_entries WHERE instr(entry, 'instrument.deleted') > 0"
    assert await sql(client.vault.engine, deletions) == [(1,)]


def assert_one_acted(answers: list[Answer], status: int) -> None:
    """Assert that one answer acted; the others are its copies, or had to wait."""
    outcomes = Counter((answer.status, replayed(answer)) for answer in answers)
    assert outcomes[status, False] == 1
    assert set(outcomes) <= {(status, False), (status, True), (409, False)}
    assert len({answer.raw for answer in answers if answer.status == status}) == 1


@pytest.mark.parametrize("body", [b"{}", b"XXXX", b"\0"])
async def test_a_key_used_without_a_body_does_not_fit_a_call_that_has_one(client: Client, body: bytes) -> None:
    path = await client.save()
    assert (await client.call("DELETE", path, body=b"", x_idempotency_key="k")).status == 200
    assert (await client.call("DELETE", path, body=body, x_idempotency_key="k")).code == "idempotency_error"
