"""An operator's command gives the rows of a vault that is older than tags their first ones: once, and after a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.support.builders import a_deleted_card, a_merchant, a_saved_card, audit_entries, sql
from tests.support.clock import SettableClock
from tests.support.databases import KINDS
from tests.support.engines import Around
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.audit import Action
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import KeyUnavailableError, StoreUnavailableError
from tokenvault_server.settings import Settings
from tokenvault_server.vault.first_tags import FirstTags

T = TypeVar("T")


class Dying(Around):
    """An engine that is away after some commits."""

    def __init__(self, engine: Engine, commits: int) -> None:
        super().__init__(engine)
        self._left = commits

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        if not self._left:
            raise StoreUnavailableError("the database is away")
        self._left -= 1
        return await super().commit(body)


@pytest.fixture
async def older(vault: Vault) -> Vault:
    """A vault with every kind of row and neither tags nor their key, as it was before there were any."""
    caller = await a_merchant(vault)
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, caller.merchant_id, "tests")
    await vault.own_limits.set(OwnLimit(caller.merchant_id, "fetch_instrument", 7), "tests")
    await vault.webhooks.add(caller.merchant_id, "https://shop.example/hook", "tests")
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller))
    for number in range(3):
        await a_saved_card(vault, caller, customer_id=f"customer-{number}")
    await remove_tags(vault)
    return vault


async def remove_tags(vault: Vault) -> None:
    await sql(vault.engine, "DELETE FROM row_tags")
    await sql(vault.engine, "DELETE FROM keys WHERE purpose = 'row'")
    vault.keyring.clear()


def first_tags(vault: Vault, engine: Engine | None = None) -> FirstTags:
    return FirstTags(engine or vault.engine, vault.keyring, vault.row_tags, vault.audit, vault.clock, batch=2)


async def test_an_older_vault_does_not_open_and_says_what_to_do(
    older: Vault, settings: Settings, clock: SettableClock
) -> None:
    with pytest.raises(KeyUnavailableError) as raised:
        await open_vault(settings, clock, kinds=KINDS)
    assert "tokenvault migrate" in raised.value.hint


async def test_every_row_gets_its_tag_once(older: Vault, settings: Settings, clock: SettableClock) -> None:
    assert await first_tags(older).are_missing()
    assert await first_tags(older).add() == 11
    assert not await first_tags(older).are_missing()
    opened = await open_vault(settings, clock, kinds=KINDS)
    report = await opened.verify_audit(with_anchor=False)
    await opened.close()
    assert (report.findings, report.rows) == ([], 11)


@pytest.mark.parametrize("commits", range(5))
async def test_what_a_crash_interrupted_goes_on(older: Vault, commits: int) -> None:
    with pytest.raises(StoreUnavailableError):
        await first_tags(older, Dying(older.engine, commits)).add()
    assert await first_tags(older).are_missing()
    await first_tags(older).add()
    assert (await older.verify_audit(with_anchor=False)).findings == []


async def test_rows_do_not_get_first_tags_a_second_time(older: Vault) -> None:
    await first_tags(older).add()
    await remove_tags(older)
    with pytest.raises(KeyUnavailableError) as raised:
        await first_tags(older).are_missing()
    assert "backup" in raised.value.hint


async def test_a_new_vault_that_lost_its_key_gets_no_first_tags(vault: Vault) -> None:
    await vault.audit.begin()
    assert not await first_tags(vault).are_missing()
    await remove_tags(vault)
    with pytest.raises(KeyUnavailableError):
        await first_tags(vault).are_missing()


async def test_the_chains_record_every_first_tag(older: Vault) -> None:
    await first_tags(older).add()
    ((merchant_id,),) = await sql(older.engine, "SELECT merchant_id FROM partner_links")
    tagged = [
        each for each in await audit_entries(older, MerchantId(merchant_id)) if each["action"] == Action.ROWS_TAGGED
    ]
    assert sum(len(each["details"]) for each in tagged) == 9
