"""Several providers from settings: built in or installed, routed, opened and closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import (
    CUSTOMER,
    MASTERCARD,
    VISA,
    a_cryptogram,
    a_deleted_card,
    a_merchant,
    a_saved_card,
    settings_in,
)
from tests.support.clock import SettableClock
from tests.support.second_tsp import SecondTsp
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.errors import SettingsError, StoreError
from tokenvault_server.settings import CONFIG_FILE, Settings, load, redacted
from tokenvault_server.tsp.guarded import Deadlines
from tokenvault_server.vault.idempotency import LEASE_SECONDS

OPENED: list[SecondTsp] = []
PLUGIN = "tests.server.test_token_services"
ROUTES = '[tsp.routes]\nvisa = "acme"\n'


async def open_acme(tsp_id: str, options: dict[str, object], clock: SettableClock) -> SecondTsp:
    """What the entry point below leads to: the factory of a kind of providers."""
    if "secret" not in options:
        raise SettingsError(f"[tsp.{tsp_id}] has no secret")
    if options["secret"] == "broken":
        raise RuntimeError("the secret is broken")
    OPENED.append(SecondTsp(clock, "impostor" if options["secret"] == "other" else tsp_id))
    return OPENED[-1]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed distribution that announces a kind of providers, as pip would leave it."""
    folder = tmp_path / "site" / "acme_tsp-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tsp\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[tokenvault.tsp]\nacme = {PLUGIN}:open_acme\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    OPENED.clear()
    yield
    OPENED.clear()


def configured(folder: Path, text: str) -> Settings:
    """Give the settings of a vault in a folder whose configuration also has this text."""
    base = settings_in(folder)
    lines = f'store = "{base.store}"\ntsp_store = "{base.tsp_store}"\nkey_provider = "{base.key_provider}"\n'
    (folder / CONFIG_FILE).write_text(lines + text)
    return load({}, folder / CONFIG_FILE)


async def opened(folder: Path, clock: SettableClock, text: str) -> Vault:
    return await open_vault(configured(folder, text), clock, initialise=True)


async def test_without_settings_every_card_goes_to_the_built_in_provider(vault: Vault) -> None:
    assert set(vault.providers.routed().values()) == {"local"}
    assert [provider.tsp_id for provider in vault.providers] == ["local"]


async def test_an_installed_provider_serves_the_cards_that_are_routed_to_it(
    plugin: None, tmp_path: Path, clock: SettableClock
) -> None:
    text = f'[tsp]\nallow_local = true\n[tsp.acme]\nkind = "acme"\nsecret = "s"\n{ROUTES}mastercard = "local"\n'
    vault = await opened(tmp_path, clock, text)
    caller = await a_merchant(vault)
    cards = [await a_saved_card(vault, caller, pan) for pan in (VISA, MASTERCARD)]
    assert [card.instrument.tsp_id for card in cards] == ["acme", "local"]
    OPENED[0].activate()
    await vault.inbox("acme").pull()
    for card in cards:
        await a_cryptogram(vault, caller, card)
        await a_deleted_card(vault, caller, card)
    assert await vault.outbox_tasks.run_due() == 2
    await vault.close()
    assert OPENED[0].is_closed


async def test_a_further_built_in_provider_has_tokens_and_a_database_of_its_own(
    tmp_path: Path, clock: SettableClock
) -> None:
    text = '[tsp.second]\nkind = "local"\nstore = "sqlite:///second.db"\n[tsp.routes]\nvisa = "second"\n'
    vault = await opened(tmp_path, clock, text)
    caller = await a_merchant(vault)
    card = await a_saved_card(vault, caller)
    await a_cryptogram(vault, caller, card)
    assert card.instrument.tsp_id == "second"
    assert sorted(vault.local_services) == ["local", "second"]
    await vault.close()
    again = await open_vault(vault.settings, clock)
    assert await again.instruments.fetch_all(caller, CUSTOMER) == [card]
    await again.close()


async def test_a_further_database_is_never_made_at_a_start(tmp_path: Path, clock: SettableClock) -> None:
    await (await opened(tmp_path, clock, "")).close()
    text = '[tsp.second]\nkind = "local"\nstore = "sqlite:///second.db"\n[tsp.routes]\nvisa = "second"\n'
    with pytest.raises(StoreError, match="no database"):
        await open_vault(configured(tmp_path, text), clock)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'[tsp.acme]\nkind = "acme"\nsecret = "s"\n{ROUTES}mastercard = "local"\n', "beside 'acme'"),
        ('[tsp.acme]\nkind = "acme"\nsecret = "s"\n', "several providers and no routes"),
        (f'[tsp.acme]\nkind = "acme"\n{ROUTES}', "has no secret"),
        (f'[tsp.acme]\nkind = "acme"\nsecret = "broken"\n{ROUTES}', "cannot be opened"),
        (f'[tsp.acme]\nkind = "acme"\nsecret = "other"\n{ROUTES}', "another name"),
        (f'[tsp.acme]\nkind = "emca"\n{ROUTES}', "a kind that is not installed"),
        (ROUTES, "'acme', which has no settings"),
        ('[tsp.second]\nkind = "local"\nstore = "sqlite:///tsp.db"\n[tsp.routes]\nvisa = "second"\n', "one database"),
    ],
)
async def test_what_cannot_work_is_refused_at_the_start(
    plugin: None, tmp_path: Path, clock: SettableClock, text: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        await opened(tmp_path, clock, text)
    assert "broken" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tsp = 5\n", "is a table"),
        ("[tsp.acme]\nsecret = 's'\n", r"\[tsp.acme\] is invalid"),
        ("[tsp.Acme]\nkind = 'acme'\n", r"\[tsp.Acme\] is invalid"),
        ("[tsp]\nacme = 'acme'\n", r"\[tsp.acme\] is invalid"),
        ("[tsp.local]\nkind = 'acme'\n", "must have kind = 'local'"),
        ("[tsp.local]\nkind = 'local'\nsecret = 's'\n", "no setting 'secret'"),
        ("[tsp.local]\nkind = 'local'\nstore = 'sqlite:///x.db'\n", "set twice"),
        ("[tsp.second]\nkind = 'local'\n", "tsp|store"),
        ("[tsp.second]\nkind = 'local'\nstore = 'sqlite:///x.db'\nsecret = 's'\n", "tsp"),
        ("[tsp.routes]\nvisa = 5\n", "tsp"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        configured(tmp_path, text)


def test_the_table_of_the_built_in_provider_is_another_way_to_write_its_settings(tmp_path: Path) -> None:
    file = tmp_path / CONFIG_FILE
    file.write_text('[tsp.local]\nkind = "local"\nstore = "sqlite:///own.db"\ncryptogram_minutes = 5\n')
    settings = load({}, file)
    assert (settings.tsp_store, settings.cryptogram_minutes) == (f"sqlite:///{tmp_path.resolve()}/own.db", 5)


def test_options_and_passwords_are_shown_as_stars(tmp_path: Path) -> None:
    text = (
        '[tsp.acme]\nkind = "acme"\nhost = "hush"\n'
        '[tsp.second]\nkind = "local"\nstore = "postgresql://tsp:hush@db/second"\n'
    )
    settings = configured(tmp_path, text)
    assert settings.tsp.local["second"].store_password.reveal() == "hush"
    assert "hush" not in f"{settings!r} {redacted(settings)}"


def test_every_deadline_ends_before_the_lease_of_an_idempotency_key() -> None:
    longest = max(getattr(Deadlines(), verb) for verb in Deadlines.__slots__)
    assert longest < LEASE_SECONDS
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"tsp_deadline_seconds": LEASE_SECONDS}, Settings)


def test_the_setting_shortens_the_deadlines_that_are_longer() -> None:
    assert Deadlines().within(4) == Deadlines(
        cryptogram=3, get=4, lifecycle=4, close_enrolment=4, events=4, health=4, provision=4
    )
