"""`emulator --strict`: what Cashfree documents as invalid is rejected, and what its SDKs send passes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.server.api.calls import Client, changed
from tests.support.emulator_process import emulator, instruments
from tokenvault_server.bootstrap import Api, Vault

KEY = "47bf8872-46fe-11ee-be56-0242ac120002"


@pytest.fixture
async def strict(vault: Vault) -> AsyncIterator[Client]:
    api = Api(vault.settings, vault, strict=True)
    yield Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    await api.stop()


@pytest.mark.parametrize("customer_id", ["abc", "a" * 50, "siddhesh_desai", "customer_123", "007"])
async def test_a_documented_customer_id_passes(strict: Client, customer_id: str) -> None:
    assert (await strict.call(path=f"/pg/customers/{customer_id}/instruments")).status == 200


@pytest.mark.parametrize("customer_id", ["ab", "a" * 51, "a-b-c", "a.b.c", "asha%20r", "%C3%A9t%C3%A9", "abc%0a"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_one_is_rejected_and_only_in_strict_mode(
    strict: Client, client: Client, customer_id: str, method: str
) -> None:
    path = f"/pg/customers/{customer_id}/instruments"
    answer = await strict.call(method, path, body=changed())
    assert (answer.status, answer.code) == (400, "customer_id_invalid")
    if "%0a" not in customer_id:
        assert (await client.call(method, path, body=changed())).status in {200, 201}


@pytest.mark.parametrize(
    ("key", "version", "status"),
    [
        (KEY, "2026-01-01", 404),
        (KEY.upper(), "2023-08-01", 404),
        (KEY, "2022-09-01", 400),
        ("order-1", "2026-01-01", 400),
        (f"{KEY}0", "2026-01-01", 400),
        (None, "2022-01-01", 404),
    ],
)
async def test_a_key_is_a_uuid_and_exists_since_2023(
    strict: Client, key: str | None, version: str, status: int
) -> None:
    path = f"/pg/customers/abc/instruments/{KEY}"
    answer = await strict.call("DELETE", path, x_idempotency_key=key, x_api_version=version)
    assert answer.status == status, answer.body
    if status == 400:
        assert answer.code == "x-idempotency-key_invalid"


async def test_saving_takes_any_key_because_it_is_not_documented(strict: Client) -> None:
    answer = await strict.call("POST", body=changed(), path="/pg/customers/abc/instruments", x_idempotency_key="any")
    assert answer.status == 201


def test_the_emulator_is_strict_when_told_to() -> None:
    with emulator("--strict", "--seed", "demo") as running:
        status, body = running.ask("GET", instruments("a-b-c") + "?instrument_type=card")
        assert (status, body["code"]) == (400, "customer_id_invalid"), json.dumps(body)
        assert running.ask("GET", instruments("demo_customer") + "?instrument_type=card")[0] == 200
