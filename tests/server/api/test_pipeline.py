"""The pipeline: the order of its checks, and the headers of every answer."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.server.api.calls import INSTRUMENTS, Answer, Client, changed
from tests.support.builders import VISA
from tests.support.clock import SettableClock
from tests.support.tsp import scripted
from tokenvault_contract import headers
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.errors import TokenServiceUnavailableError

EVERY_ANSWER = set(headers.RESPONSE_HEADERS) - {headers.IDEMPOTENCY_KEY} | {"content-type"}


async def test_the_life_of_a_card(client: Client) -> None:
    saved = await client.call("POST", body=changed())
    path = f"{INSTRUMENTS}/{saved.body['instrument_id']}"
    assert (saved.status, (await client.call(path=path)).body) == (201, saved.body)
    assert (await client.call()).body == [saved.body]
    cryptogram = await client.call(path=path + "/cryptogram")
    assert (cryptogram.status, cryptogram.body["card_display"]) == (200, "2123")
    deleted = await client.call("DELETE", path)
    assert (deleted.status, deleted.body["instrument_status"]) == (200, "INACTIVE")
    assert deleted.body["instrument_meta"]["card_token_details"] is None
    assert (await client.call("DELETE", path)).body == deleted.body
    assert (await client.call(path=path)).status == 404
    assert (await client.call()).body == []


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({}, 200),
        ({"method": "POST", "body": changed()}, 201),
        ({"query": ""}, 400),
        ({"x_api_version": None}, 400),
        ({"x_api_version": "2019-01-01"}, 400),
        ({"x_request_id": "a b"}, 400),
        ({"x_idempotency_key": "a b"}, 400),
        ({"x_idempotency_key": ""}, 400),
        ({"path": "/pg/customers/../instruments"}, 400),
        ({"x_client_secret": "wrong"}, 401),
        ({"path": "/nowhere"}, 404),
        ({"path": INSTRUMENTS + "/unknown"}, 404),
        ({"path": INSTRUMENTS + "/unknown", "method": "DELETE"}, 404),
        ({"path": INSTRUMENTS + "/unknown/cryptogram"}, 404),
        ({"method": "PUT"}, 405),
        ({"method": "POST", "body": None}, 413),
    ],
    ids=lambda value: str(value)[-40:],
)
async def test_every_answer_has_the_headers_of_every_answer(client: Client, call: dict[str, Any], status: int) -> None:
    answer = await client.call(**call)
    assert answer.status == status, answer.body
    assert answer.headers.keys() >= EVERY_ANSWER
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-idempotency-replayed"] == "false"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param({"x_request_id": "a b", "path": "/nowhere"}, "x-request-id_invalid", id="request id before route"),
        pytest.param({"path": "/nowhere", "x_api_version": None}, "request_failed", id="route before version"),
        pytest.param({"method": "PUT", "x_client_secret": ""}, "method_not_allowed", id="method before credentials"),
        pytest.param(
            {"x_api_version": None, "x_client_secret": ""}, "version_missing", id="version before credentials"
        ),
        pytest.param({"x_client_secret": "", "body": None}, "request_failed", id="credentials before body"),
        pytest.param(
            {"method": "POST", "body": None, "x_idempotency_key": "a b"}, "request_too_large", id="size first"
        ),
        pytest.param({"x_idempotency_key": "a b", "query": ""}, "x-idempotency-key_invalid", id="key before query"),
    ],
)
async def test_the_first_error_in_the_order_of_checks_is_reported(
    client: Client, call: dict[str, Any], code: str
) -> None:
    assert (await client.call(**call)).code == code


async def test_a_request_id_is_echoed(client: Client) -> None:
    assert (await client.call(x_request_id="my-request")).headers["x-request-id"] == "my-request"


@pytest.mark.parametrize("sent", [None, "", "a b", VISA])
async def test_without_a_usable_request_id_there_is_a_new_one(client: Client, sent: str | None) -> None:
    first, second = [(await client.call(x_request_id=sent)).headers["x-request-id"] for _ in range(2)]
    assert first.startswith("req_")
    assert first != second


async def test_an_idempotency_key_is_echoed(client: Client) -> None:
    assert (await client.call(x_idempotency_key="my-key")).headers["x-idempotency-key"] == "my-key"


async def test_the_requested_version_is_echoed(client: Client) -> None:
    assert (await client.call(x_api_version="2023-08-01")).headers["x-api-version"] == "2023-08-01"


async def test_without_a_valid_version_the_newest_shape_is_used(client: Client) -> None:
    answer = await client.call(x_api_version="tomorrow")
    assert (answer.headers["x-api-version"], "help" in answer.body) == ("2026-01-01", True)


async def test_a_cryptogram_is_never_kept_by_a_cache(client: Client) -> None:
    path = await client.save()
    assert (await client.call(path=path + "/cryptogram")).headers["cache-control"] == "no-store"


async def test_a_wrong_method_lists_the_allowed_ones(client: Client) -> None:
    assert (await client.call("PUT")).headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "query",
    [
        "instrument_type=card",
        "instrument_type=card?instrument_type=card",
        "a=b&instrument_type=card",
        "instrument_type=card&instrument_type=card",
    ],
)
async def test_the_query_forms_of_the_published_sdks_are_taken(client: Client, query: str) -> None:
    assert (await client.call(query=query)).status == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "instrument_type_missing"),
        ("instrument_type=", "instrument_type_missing"),
        ("instrument_typ=card", "instrument_type_missing"),
        ("instrument_type=upi", "instrument_type_invalid"),
        ("instrument_type=card&instrument_type=upi", "instrument_type_invalid"),
        ("instrument_type=CARD", "instrument_type_invalid"),
    ],
)
async def test_a_list_of_anything_but_cards_is_refused(client: Client, query: str, code: str) -> None:
    assert (await client.call(query=query)).code == code


async def test_a_merchants_budget_counts_down_on_its_answers(client: Client) -> None:
    rates = [(await client.call()).headers["x-ratelimit-remaining"] for _ in range(3)]
    assert rates == ["199", "198", "197"]


async def test_a_merchant_beyond_its_budget_waits(client: Client, clock: SettableClock) -> None:
    answers = [await client.call("DELETE", INSTRUMENTS + "/unknown") for _ in range(101)]
    assert [answers[99].status, answers[100].status] == [404, 429]
    assert answers[100].body == {
        "message": "Too many requests. Check headers",
        "code": "request_failed",
        "type": "rate_limit_error",
    }
    assert answers[100].headers["x-ratelimit-retry"] == "59"
    clock.advance(seconds=60)
    assert (await client.call("DELETE", INSTRUMENTS + "/unknown")).status == 404


async def test_another_customers_or_merchants_card_looks_like_one_that_never_existed(client: Client) -> None:
    path = await client.save()
    never = await client.call(path=INSTRUMENTS + "/unknown")
    elsewhere = await client.call(path=path.replace("customer-1", "customer-2"))
    other = await client.vault.merchants.add("Other", "tests")
    stranger = Client(client.vault, client.pipeline, other)
    assert never.body == elsewhere.body == (await stranger.call(path=path)).body


async def test_an_inactive_card_is_shown_and_has_no_cryptogram(client: Client) -> None:
    path = await client.save()
    await client.tell("UPDATE instruments SET status = 'INACTIVE'")
    assert (await client.call(path=path)).body["instrument_status"] == "INACTIVE"
    assert (await client.call(path=path + "/cryptogram")).code == "instrument_inactive"


async def failing(client: Client, error: Exception) -> Client:
    """Give a client of the same vault whose token service fails."""
    vault, script = scripted(client.vault)
    script.failures |= {"provision": error, "cryptogram": error}
    pipeline = await Api(vault.settings, vault).start()
    return Client(vault, pipeline, client.merchant)


async def test_a_token_service_that_fails_is_a_502_and_saves_nothing(client: Client) -> None:
    unlucky = await failing(client, TokenServiceUnavailableError(hint="for operators"))
    answer = await unlucky.call("POST", body=changed())
    assert (answer.status, answer.code) == (502, "tokenization_service_unavailable")
    assert "operators" not in str(answer.body)
    assert (await client.call()).body == []


async def unforeseen(client: Client, vault: Vault) -> Answer:
    await client.tell("UPDATE instruments SET sealed = 'text instead of bytes'")
    return await client.call(x_request_id="req_unforeseen")


async def test_an_unforeseen_failure_is_a_500_that_names_only_the_request(client: Client, vault: Vault) -> None:
    await client.save()
    answer = await unforeseen(client, vault)
    assert (answer.status, answer.code, answer.body["type"]) == (500, "internal_error", "api_error")
    assert answer.headers["x-request-id"] == "req_unforeseen"
    assert answer.headers.keys() >= EVERY_ANSWER
    assert answer.body["message"] == "internal Server Error"


async def test_an_unforeseen_failure_is_logged_with_its_request_and_without_values(
    client: Client, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    await client.save()
    with caplog.at_level(logging.ERROR):
        await unforeseen(client, vault)
    assert caplog.records
    assert {vars(record)["request_id"] for record in caplog.records} == {"req_unforeseen"}
    assert VISA not in caplog.text


async def test_a_closed_database_is_a_500_and_no_call_hangs(client: Client, pipeline: Pipeline) -> None:
    path = await client.save()
    await client.vault.engine.close()
    assert (await client.call("DELETE", path)).status == 500
