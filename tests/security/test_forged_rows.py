"""Whoever can write to the database becomes nobody: rows that were changed, copied, added or put back are not accepted.

Each attack is a direct write beside an open vault. It is tried on the way in, where the row would decide or show
something, and by `audit verify`. After an attack a caller or operator may be refused what they had, and never gets more
or sees something else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest

from tests.security.forging import PROTECTED, TABLES, World, world
from tests.support.builders import VISA, a_cryptogram, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.databases import BOTH, SQLITE_ALONE
from tests.support.receiver import a_connector, another_sender, receiving
from tokenvault_server.api.rate_limits import Budgets
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import AccountState, Caller
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import StoreError
from tokenvault_server.tsp.local.verification import Outcome, Presentation

VAULTS_LIMIT: Final = str(Budgets().per_operation["fetch_cryptogram"])
NOT_COVERED: Final = {
    "merchant_secrets.sealed": "authenticated by its own seal",
    "merchant_secrets.last_used_at": "written with calls; shown to operators only",
    "partner_keys.sealed": "authenticated by its own seal",
    "partner_keys.last_used_at": "written with calls; shown to operators only",
    "webhook_endpoints.last_number": "the endpoint's queue",
    "webhook_endpoints.failure_count": "the endpoint's queue",
    "webhook_endpoints.due_at": "the endpoint's queue",
    "webhook_endpoints.claimed_by": "the endpoint's queue",
    "webhook_endpoints.claimed_until": "the endpoint's queue",
    "instruments.key_id": "names the key; the sealed record names it too",
    "instruments.sealed": "authenticated by its own seal",
    "instruments.cryptogram_count": "written with every cryptogram; compared with the chain",
    "instruments.cryptogram_at": "written with every cryptogram; shown to nobody",
    "instruments.cryptogram_counter": "written with every cryptogram; the chain holds all values",
}
"""Columns of protected tables that no tag covers, and why. A new column is covered, or it is explained here."""


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def there(vault: Vault, clock: SettableClock) -> AsyncIterator[World]:
    api = Api(vault.settings, vault)
    yield await world(vault, await api.start(), clock)
    await api.stop()


async def gained(there: World, before: set[str]) -> set[str]:
    """Return what somebody can do or see that they could not before; the vault's own limit is nobody's gain."""
    return {each for each in await there.observed() - before if f"may call {VAULTS_LIMIT} times" not in each}


def tells_of_rows(findings: list[str]) -> bool:
    """Return whether a row is among the findings."""
    return any("the database" in each or "audit entry" in each for each in findings)


def forged(table: str, column: str, row: dict[str, Any], others: list[dict[str, Any]]) -> list[Any]:
    """Return other values for a column: that of another row, one that nobody wrote, and none."""
    present = row[column]
    elsewhere = [each[column] for each in others if each[column] != present]
    if isinstance(present, bytes):
        made: Any = bytes([present[0] ^ 1]) + present[1:]
    elif column == "state":
        elsewhere, made = [], next(each.value for each in AccountState if each.value != present)
    elif isinstance(present, str):
        made = f"{present}x"
    else:
        made = 9999 if column == "per_minute" else (present or 0) + 1
    return [*elsewhere[:1], made, *([None] if present is not None else [])]


@SQLITE_ALONE  # a tag is the same on every engine
@pytest.mark.parametrize("table", PROTECTED)
async def test_a_changed_column_gives_nobody_anything_and_is_found(there: World, table: str) -> None:
    before = await there.observed()
    assert await there.findings() == []
    rows = await there.rows(table)
    for row in rows[:2]:
        for column in TABLES[table].columns:
            if f"{table}.{column}" in NOT_COVERED:
                continue
            for value in forged(table, column, row, rows):
                try:
                    await there.write(table, row, **{column: value})
                except StoreError:
                    continue  # the database itself refuses it
                where = f"{table}.{column} = {value!r}"
                assert await gained(there, before) == set(), where
                # A tombstone may be gone, so one that belongs to nobody is no finding.
                assert row.get("status") == "DELETED" or tells_of_rows(await there.findings()), where
                await there.write(table, row | {column: value}, **row)
    assert not tells_of_rows(await there.findings())


@pytest.mark.parametrize("table", PROTECTED)
async def test_a_removed_row_is_found(there: World, table: str) -> None:
    for row in await there.rows(table):
        try:
            await there.remove(table, row)
        except StoreError:
            continue  # other rows refer to it
        assert row.get("status") == "DELETED" or tells_of_rows(await there.findings())
        await there.add(table, row)


PUT_BACK: Final[dict[str, tuple[str, Callable[[World], Awaitable[object]]]]] = {
    "a revoked secret": (
        "merchant_secrets",
        lambda there: there.revoke_secret(),
    ),
    "a secret before its end": (
        "merchant_secrets",
        lambda there: there.vault.merchants.rotate_secret(there.merchant_id, 60, "tests"),
    ),
    "an active merchant before it was suspended": ("merchants", lambda there: there.suspend_merchant()),
    "an active partner before it was suspended": ("partners", lambda there: there.suspend_partner()),
    "a merchant before it was removed": ("merchants", lambda there: there.remove_merchant()),
    "a revoked partner key": ("partner_keys", lambda there: there.revoke_partner_key()),
    "a partner's link": (
        "partner_links",
        lambda there: there.vault.partners.unlink(there.partner_id, there.merchant_id, "tests"),
    ),
    "an earlier limit": (
        "rate_limits",
        lambda there: there.vault.own_limits.set(OwnLimit(there.merchant_id, "fetch_cryptogram", 5_000), "tests"),
    ),
    "a cleared limit": (
        "rate_limits",
        lambda there: there.vault.own_limits.clear(there.merchant_id, "fetch_cryptogram", "tests"),
    ),
    "a removed endpoint": ("webhook_endpoints", lambda there: there.remove_endpoint()),
    "a deleted card": ("instruments", lambda there: there.delete_card()),
    "an active card before it was suspended": ("instruments", lambda there: there.suspend_card()),
}


@pytest.mark.parametrize("what", PUT_BACK)
@pytest.mark.parametrize("with_tags", [False, True], ids=["alone", "with its tag"])
async def test_an_older_row_is_not_accepted_and_with_its_older_tag_it_is_found(
    there: World, what: str, *, with_tags: bool
) -> None:
    table, act = PUT_BACK[what]
    rows, tags = await there.rows(table), await there.rows("row_tags")
    await act(there)
    before = await there.observed()
    assert not tells_of_rows(await there.findings())
    for row in rows:
        await there.put_back(table, row)
    if with_tags:
        for tag in tags:
            await there.put_back("row_tags", tag)
    else:
        assert await gained(there, before) == set()
    assert tells_of_rows(await there.findings())


async def test_a_row_that_was_added_gives_nobody_anything_and_is_found(there: World) -> None:
    (secret, *_), (link,) = await there.rows("merchant_secrets"), await there.rows("partner_links")
    other = there.other.merchant.merchant_id
    added = {
        "merchant_secrets": secret | {"merchant_id": other, "secret_id": "sec_added"},
        "partner_links": link | {"merchant_id": other},
        "rate_limits": {"merchant_id": other, "operation": "fetch_cryptogram", "per_minute": 9_999},
    }
    before = await there.observed()
    for table, row in added.items():
        await there.add(table, row)
        assert await gained(there, before) == set()
        assert tells_of_rows(await there.findings())
        await there.remove(table, row)


async def test_a_changed_endpoint_receives_nothing(there: World) -> None:
    (endpoint,) = await there.rows("webhook_endpoints")
    async with receiving() as receiver:
        deliveries = another_sender(there.vault, a_connector())
        await there.write("webhook_endpoints", endpoint, url=receiver.url)
        assert await deliveries.start_due() == 1
        await deliveries.finish()
        await deliveries.close()
        assert receiver.received == []
    outcomes = {each["outcome"] for each in await there.rows("webhook_deliveries")}
    assert outcomes & {"endpoint_changed"}


async def test_a_counter_that_was_set_back_releases_no_value_twice(there: World) -> None:
    shop, path = there.clients["shop"], there.paths[0] + "/cryptogram"
    tsp = there.vault.tsp_engine
    old = await sql(tsp, "SELECT token_reference, atc FROM tokens")
    for _ in range(3):
        assert (await shop.call(path=path)).status == 200
    for reference, atc in old:
        await sql(tsp, "UPDATE tokens SET atc = :atc WHERE token_reference = :reference", atc=atc, reference=reference)
    assert [(await shop.call(path=path)).status for _ in range(4)] == [502, 502, 502, 200]
    assert not [each for each in await there.findings() if "twice" in each]


async def test_a_counter_value_that_was_spent_twice_is_found(there: World) -> None:
    shop, path = there.clients["shop"], there.paths[0] + "/cryptogram"
    assert (await shop.call(path=path)).status == 200
    await sql(there.vault.tsp_engine, "UPDATE tokens SET atc = atc - 1 WHERE atc > 0")
    await sql(there.vault.engine, "UPDATE instruments SET cryptogram_counter = 0")
    assert (await shop.call(path=path)).status == 200
    assert [each for each in await there.findings() if "spent twice" in each]


async def test_a_cryptogram_above_a_counter_that_was_set_back_does_not_verify(there: World) -> None:
    caller = Caller(MerchantId(there.merchant_id), "tests")
    card = await a_saved_card(there.vault, caller, VISA, "another-customer")
    issued = (await a_cryptogram(there.vault, caller, card)).cryptogram
    await sql(there.vault.tsp_engine, "UPDATE tokens SET atc = 0")
    presented = Presentation(issued.token_pan, issued.value, caller.merchant_id)
    assert await there.vault.token_service.verify(presented) is Outcome.FORGED


@pytest.mark.parametrize(
    "change", ["instrument_count = instrument_count + 1", "state = 'retired'", "network_status_at = 2000000000000000"]
)
async def test_a_token_that_is_not_as_its_cards_is_found(there: World, change: str) -> None:
    await sql(there.vault.engine, f"UPDATE tokens SET {change} WHERE state = 'live'")
    assert [each for each in await there.findings() if "tokens do not count their saved cards" in each]


async def test_a_replaced_key_that_seals_again_is_found(there: World) -> None:
    there.clock.advance(days=1)
    await there.vault.daily_keys.rotate()
    assert await there.findings() == []
    await sql(there.vault.engine, "UPDATE keys SET state = 'active' WHERE state = 'decrypt_only'")
    assert [each for each in await there.findings() if "a newer one replaced it" in each]


async def test_the_number_of_cryptograms_cannot_be_changed(there: World) -> None:
    await sql(there.vault.engine, "UPDATE instruments SET cryptogram_count = 99")
    assert [each for each in await there.findings() if "counts 99 cryptograms" in each]


@pytest.mark.parametrize(
    "tag", [b"", bytes(32), b"\xff" * 32, b"\x00\x00\x00\x01" + bytes(28), b"\x00\x00\x00\x06" + bytes(20)]
)
async def test_a_tag_of_another_key_or_form_is_none(there: World, tag: bytes) -> None:
    await sql(there.vault.engine, "UPDATE row_tags SET tag = :tag WHERE kind = 'merchant_secret'", tag=tag)
    there.clock.advance(seconds=2)
    assert (await there.clients["shop"].call()).status == 401


@pytest.mark.parametrize("column", ["status", "fingerprint"])
async def test_a_stored_reply_has_the_status_and_the_call_that_it_was_sealed_with(there: World, column: str) -> None:
    shop, (one, other, _) = there.clients["shop"], (f"{path}/cryptogram" for path in there.paths)
    assert (await shop.call(path=one, x_idempotency_key="first")).status == 200
    assert (await shop.call(path=other, x_idempotency_key="second")).status == 409
    first = {row["idempotency_key"]: row for row in await there.rows("idempotency_keys")}["first"]
    if column == "status":
        await there.write("idempotency_keys", first, status=404)
    else:  # a call that gets another call's reply
        first_reply = {name: first[name] for name in ("state", "status", "sealed", "held_until", "instrument_id")}
        assert (await shop.call("DELETE", there.paths[0], x_idempotency_key="third")).status == 200
        third = {row["idempotency_key"]: row for row in await there.rows("idempotency_keys")}["third"]
        await there.write("idempotency_keys", third, **first_reply)
    path, key = (one, "first") if column == "status" else (there.paths[0], "third")
    answer = await shop.call("GET" if column == "status" else "DELETE", path, x_idempotency_key=key)
    assert answer.status == 500


async def test_rows_that_were_changed_are_counted(there: World) -> None:
    counted: list[int] = []
    there.vault.watch_unreadable(lambda: counted.append(1))
    await there.observed()
    assert counted == []
    await sql(there.vault.engine, "UPDATE instruments SET issuer = 'Another Bank'")
    there.clock.advance(seconds=61)
    assert (await there.clients["shop"].call(path=there.paths[0])).status == 500
    assert counted == [1]
