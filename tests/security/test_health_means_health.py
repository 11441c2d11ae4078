"""A flipped bit, a swapped, retired or destroyed key and a broken record are found by `doctor --deep`, by table and id.

A server whose own keys do not unwrap does not start, and is not ready. One merchant's broken record does neither.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.server.api.calls import Client
from tests.support.builders import MASTERCARD, VISA, a_deleted_card, a_merchant, a_saved_card, key_of, sql
from tests.support.commands import tokenvault
from tests.support.databases import BOTH, SQLITE_ALONE
from tests.support.emulator_process import START_SECONDS
from tests.support.served_process import free_port, initialised
from tokenvault_server.bootstrap import Api, Vault, inspect_all_keys, inspect_all_records, open_vault
from tokenvault_server.cli import UNAVAILABLE
from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.inspection import Inspection
from tokenvault_server.domain.sampling import Candidate, Sample
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.telemetry.metrics import Metrics, unreadable_records
from tokenvault_server.vault.idempotency import IdempotencyClaim, StoredReply
from tokenvault_server.vault.initialisation import OWN_KEYS

SEALED: Final = {
    "instruments": "instrument_id",
    "merchant_secrets": "secret_id",
    "partner_keys": "secret_id",
    "idempotency_keys": "idempotency_key",
    "outbox": "outbox_id",
    "webhook_events": "event_id",
}
"""The tables of sealed records, with the column of their ids."""


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def unheard(_name: str, _count: int) -> None:
    """Ignore the progress."""


@pytest.fixture
async def furnished(vault: Vault) -> Vault:
    """A vault with a sealed record of every kind."""
    caller = await a_merchant(vault)
    await vault.webhooks.add(caller.merchant_id, "https://shop.example/hook", "tests")
    await vault.partners.add("Partner", "tests")
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller, MASTERCARD))  # its token is to be deleted
    keys = vault.idempotency_keys
    claim = await keys.claim(caller.merchant_id, "key-1", b"call")
    assert isinstance(claim, IdempotencyClaim)
    unit = Unit(vault.engine)
    await keys.settle(claim, unit, StoredReply(200, Secret(b"{}")), card.instrument.instrument_id, None)
    await unit.commit()
    return vault


async def in_records(vault: Vault) -> list[str]:
    return _problems(await inspect_all_records(vault, 5, unheard))


async def in_keys(vault: Vault) -> list[str]:
    return _problems(await inspect_all_keys(vault.settings, unheard))


def _problems(inspections: list[Inspection]) -> list[str]:
    return [f"{each.name}: {problem}" for each in inspections for problem in each.problems]


async def flipped(engine: Engine, table: str, column: str, where: str = "1 = 1") -> None:
    """Flip the last bit of a value in one row."""
    ((value,),) = await sql(engine, f"SELECT {column} FROM {table} WHERE {where} AND {column} IS NOT NULL LIMIT 1")
    other = value[:-1] + bytes((value[-1] ^ 1,))
    await sql(engine, f"UPDATE {table} SET {column} = :other WHERE {column} = :value", other=other, value=value)


async def test_an_untouched_vault_has_no_problem_in_any_key_or_record(furnished: Vault) -> None:
    assert (await in_keys(furnished), await in_records(furnished)) == ([], [])
    assert [each.name for each in await inspect_all_records(furnished, 1, unheard) if not each.checked] == []


@pytest.mark.parametrize(("table", "id_column"), SEALED.items())
async def test_a_flipped_bit_of_any_kind_of_record_is_found_by_table_and_id(
    furnished: Vault, table: str, id_column: str
) -> None:
    await flipped(furnished.engine, table, "sealed")
    (problem,) = await in_records(furnished)
    ids = [row[0] for row in await sql(furnished.engine, f"SELECT {id_column} FROM {table}")]
    assert problem.startswith(f"{table}: ")
    assert any(record_id in problem for record_id in ids)


@pytest.mark.parametrize("table", ["tokens", "events"])
async def test_a_flipped_bit_of_the_token_services_records_is_found(furnished: Vault, table: str) -> None:
    await flipped(furnished.tsp_engine, table, "sealed")
    (problem,) = await in_records(furnished)
    assert problem.startswith(f"{table} of local: ")


@pytest.mark.parametrize("column", ["wrapped", "check_value"])
async def test_a_flipped_bit_of_every_key_is_found(furnished: Vault, column: str) -> None:
    for engine in (furnished.engine, furnished.tsp_engine):
        rows = await sql(engine, "SELECT key_id FROM keys")
        for (key_id,) in rows:
            await flipped(engine, "keys", column, f"key_id = {key_id}")
        found = [problem for problem in await in_keys(furnished) if "key " in problem]
        assert {problem.split(": ")[1] for problem in found} >= {f"key {key_id}" for (key_id,) in rows}


@SQLITE_ALONE  # the key table is read alike on every engine
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM keys WHERE purpose = 'record'", id="a merchant's key is removed"),
        pytest.param("DELETE FROM keys WHERE key_id = (SELECT MAX(key_id) FROM keys)", id="the last key is removed"),
        pytest.param("DELETE FROM keys WHERE key_id = 2", id="a key is removed"),
        pytest.param("UPDATE keys SET state = 'destroyed' WHERE purpose = 'index'", id="a key is marked as destroyed"),
        pytest.param("UPDATE keys SET state = 'decrypt_only' WHERE purpose = 'record'", id="a key is retired"),
        pytest.param("UPDATE keys SET purpose = 'index', version = 7 WHERE purpose = 'record'", id="another purpose"),
        pytest.param("UPDATE keys SET purpose = 'other' WHERE purpose = 'record'", id="an unknown purpose"),
        pytest.param("UPDATE keys SET owner = 'mer_other' WHERE purpose = 'record'", id="another owner"),
        pytest.param("UPDATE keys SET version = 2 WHERE purpose = 'record'", id="another version"),
        pytest.param("UPDATE keys SET key_id = key_id + 90 WHERE purpose = 'record'", id="another id"),
        pytest.param(
            "UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE purpose = 'record') WHERE purpose = 'index'",
            id="another key's material",
        ),
    ],
)
async def test_every_change_of_a_key_row_is_found(furnished: Vault, statement: str) -> None:
    await sql(furnished.engine, statement)
    assert await in_keys(furnished)


async def test_swapped_ids_of_two_keys_are_found_by_the_records_under_them(vault: Vault) -> None:
    for _ in range(2):
        await a_saved_card(vault, await a_merchant(vault))
    first, second = [row[0] for row in await sql(vault.engine, "SELECT key_id FROM keys WHERE purpose = 'record'")]
    for old, new in ((first, 9_000), (second, first), (9_000, second)):
        await sql(vault.engine, "UPDATE keys SET key_id = :new WHERE key_id = :old", new=new, old=old)
    vault.keyring.clear()
    assert len(await in_records(vault)) == 2


async def test_a_record_whose_key_was_destroyed_is_found(furnished: Vault) -> None:
    await sql(
        furnished.engine,
        "UPDATE keys SET state = 'destroyed', wrapped = :nothing WHERE purpose = 'credential'",
        nothing=bytes(60),
    )
    furnished.keyring.clear()
    problems = await in_records(furnished)
    assert {problem.split(": ")[0] for problem in problems} == {"merchant_secrets", "partner_keys"}
    assert all("was destroyed" in problem for problem in problems)


async def test_no_problem_shows_content(furnished: Vault) -> None:
    for table in SEALED:
        await flipped(furnished.engine, table, "sealed")
    written = " ".join(await in_records(furnished))
    for secret in (VISA, MASTERCARD, "https://shop.example"):
        assert secret not in written


def test_a_sample_has_the_newest_and_random_records_of_every_key() -> None:
    sample = Sample(3)
    for number in range(1_000):
        sample.add(bytes((number % 2,)), Candidate(number, "mer_1", "", f"r{number}"))
    chosen = [candidate.at for candidate in sample.take()]
    assert {994, 995, 996, 997, 998, 999} <= set(chosen)
    assert 6 <= len(chosen) <= 12
    assert list(sample.take()) == []


# --- Starting, readiness and the counter


@SQLITE_ALONE
@pytest.mark.parametrize("purpose", [purpose.value for purpose in OWN_KEYS])
async def test_a_vault_whose_own_key_does_not_unwrap_does_not_start_and_says_which(vault: Vault, purpose: str) -> None:
    await flipped(vault.engine, "keys", "wrapped", f"purpose = '{purpose}'")
    with pytest.raises(KeyUnavailableError) as failure:
        await Api(vault.settings, lambda: open_vault(vault.settings, vault.clock)).start()
    assert failure.value.hint


@SQLITE_ALONE
@pytest.mark.parametrize("purpose", ["card", "card_index", "par"])
async def test_a_vault_whose_token_services_key_does_not_unwrap_does_not_start(vault: Vault, purpose: str) -> None:
    await flipped(vault.tsp_engine, "keys", "wrapped", f"purpose = '{purpose}'")
    with pytest.raises(KeyUnavailableError) as failure:
        await Api(vault.settings, lambda: open_vault(vault.settings, vault.clock)).start()
    assert "a key of the token service 'local'" in failure.value.hint


async def test_a_key_that_is_needed_again_and_does_not_unwrap_makes_a_server_not_ready(vault: Vault) -> None:
    await vault.check()
    await flipped(vault.engine, "keys", "wrapped", "purpose = 'fingerprint'")
    await vault.check()  # a key that is in memory keeps serving
    vault.keyring.clear()
    with pytest.raises(KeyUnavailableError) as failure:
        await vault.check()
    assert "the vault's own key 'fingerprint' cannot be used" in failure.value.hint


async def test_one_merchants_broken_record_is_counted_and_leaves_the_server_ready(vault: Vault) -> None:
    api = Api(vault.settings, vault)
    api.metrics = Metrics()
    pipeline = await api.start()
    broken, whole = [Client(vault, pipeline, await vault.merchants.add(name, "tests")) for name in ("One", "Two")]
    paths = [await client.save() for client in (broken, whole)]
    merchant_id = broken.merchant.merchant.merchant_id
    await flipped(vault.engine, "instruments", "sealed", f"merchant_id = '{merchant_id}'")
    assert [(await client.call(path=path)).status for client, path in zip((broken, whole), paths, strict=True)] == [
        500,
        200,
    ]
    assert [unreadable_records(each.registry) for each in (api.metrics, vault.background_metrics)] == [1, 0]
    await vault.check()
    await api.stop()


def test_the_doctor_looks_deep_only_when_it_is_told(tmp_path: Path) -> None:
    config = initialised(tmp_path / "vault")
    doctor = ("doctor", "--config", str(config), "--json")
    assert tokenvault("merchant", "add", "Shop", "--config", str(config)).returncode == 0
    assert tokenvault(*doctor, "--deep", "--sample", "3").returncode == 0
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db")) as database, database:
        database.execute("UPDATE keys SET wrapped = zeroblob(60) WHERE purpose IN ('record', 'audit')")
    deep = tokenvault(*doctor, "--deep")
    failed = [check["message"] for check in json.loads(deep.stdout)["checks"] if check["check"] == "keys of the vault"]
    assert deep.returncode == 1
    assert len(failed) == 3, "neither unwraps, so the vault has no active key to sign with"


def test_a_served_vault_whose_key_does_not_unwrap_ends_at_once_with_a_reason(tmp_path: Path) -> None:
    config = initialised(tmp_path / "vault")
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db")) as database, database:
        database.execute("UPDATE keys SET wrapped = zeroblob(60) WHERE purpose = 'api_secret'")
    done = subprocess.run(
        [sys.executable, "-m", "tokenvault_server", "serve", "--config", str(config), "--port", str(free_port())],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == UNAVAILABLE, done.stderr
    assert "the vault's own key 'api_secret' cannot be used" in done.stderr
