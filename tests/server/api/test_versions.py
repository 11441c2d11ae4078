"""Older versions are the newest shape with every later change undone."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from tests.server.api.calls import INSTRUMENTS, Client, changed
from tokenvault_contract.entities import CryptogramEntity
from tokenvault_contract.problems import ErrorBody
from tokenvault_contract.versions import LATEST, SUPPORTED, ApiVersion
from tokenvault_server.api.call import Call
from tokenvault_server.api.versions import CHANGES, deprecations, render, requested
from tokenvault_server.bootstrap import Api, Vault, check_api_settings
from tokenvault_server.errors import SettingsError, VersionInvalidError, VersionMissingError
from tokenvault_server.settings import Settings

OLD = ("2022-01-01", "2022-09-01", "2023-08-01")
NEW = ("2025-01-01", "2026-01-01")


def asking(*headers: tuple[bytes, bytes]) -> Call:
    return Call("GET", b"/", b"", list(headers), "")


def test_old_and_new_are_all_there_are() -> None:
    assert OLD + NEW == SUPPORTED


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_supported_version_is_what_was_asked_for(version: str) -> None:
    assert requested(asking((b"x-api-version", version.encode()))) == version


def test_a_missing_version_lists_the_supported_ones() -> None:
    with pytest.raises(VersionMissingError, match=", ".join(SUPPORTED)):
        requested(asking())


@pytest.mark.parametrize("version", ["2021-05-21", "2026-01-01 ", "2026-1-1", "v5", "2027-01-01", "\xff"])
def test_any_other_version_is_refused_without_being_repeated(version: str) -> None:
    with pytest.raises(VersionInvalidError) as caught:
        requested(asking((b"x-api-version", version.encode("latin-1"))))
    assert version not in caught.value.message.replace("2026-01-01", "")


def test_changes_are_told_newest_first_and_each_is_a_version() -> None:
    dates = [change.version for change in CHANGES]
    assert dates == sorted(dates, reverse=True)
    assert set(dates) <= set(SUPPORTED)


@pytest.mark.parametrize("version", NEW)
async def test_a_newer_version_has_the_newest_shape(client: Client, version: str) -> None:
    saved = (await client.call("POST", body=changed(), x_api_version=version)).body
    meta = saved["instrument_meta"]
    assert saved["instrument_display"] == "XXXXXXXXXXXX2123"
    assert saved["created_at"] == "2026-11-22T08:45:30.000+00:00"
    assert (meta["card_network"], meta["card_type"], meta["card_sub_type"]) == ("visa", "debit_card", "R")
    assert len(meta["card_token_details"]["expiry_year"]) == 4


@pytest.mark.parametrize("version", OLD)
async def test_an_older_version_has_the_shape_of_its_time(client: Client, version: str) -> None:
    saved = (await client.call("POST", body=changed(), x_api_version=version)).body
    meta = saved["instrument_meta"]
    assert saved["instrument_display"] == "xxxxxxxxxxxx2123"
    assert saved["created_at"] == "2026-11-22 14:15:30"
    assert (meta["card_network"], meta["card_type"]) == ("VISA", "DEBIT_CARD")
    assert "card_sub_type" not in meta
    assert len(meta["card_token_details"]["expiry_year"]) == 2


@pytest.mark.parametrize("version", OLD)
async def test_lists_and_tombstones_are_told_in_their_version_too(client: Client, version: str) -> None:
    path = await client.save()
    (listed,) = (await client.call(x_api_version=version)).body
    assert listed["instrument_display"] == "xxxxxxxxxxxx2123"
    deleted = (await client.call("DELETE", path, x_api_version=version)).body
    assert (deleted["instrument_display"], deleted["instrument_meta"]["card_token_details"]) == (
        "xxxxxxxxxxxx2123",
        None,
    )


@pytest.mark.parametrize(("version", "has_help"), [*((each, False) for each in OLD), *((each, True) for each in NEW)])
async def test_errors_have_help_in_newer_versions(client: Client, version: str, has_help: bool) -> None:
    error = (await client.call(path=INSTRUMENTS + "/unknown", x_api_version=version)).body
    assert ("help" in error) is has_help
    assert error.keys() - {"help"} == {"message", "code", "type"}


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_cryptogram_has_one_shape(version: str) -> None:
    entity = CryptogramEntity("i", "9001", "4999990123456784", "03", "2030", "AQ==", "2123")
    assert msgspec.json.decode(render(entity, ApiVersion(version)), type=CryptogramEntity) == entity


def test_rendering_the_newest_version_changes_nothing() -> None:
    assert render(ErrorBody("m", "c", "t", "h"), LATEST) == b'{"message":"m","code":"c","type":"t","help":"h"}'


async def test_a_version_that_ends_says_when_and_no_other_does(vault: Vault) -> None:
    settings = msgspec.structs.replace(vault.settings, deprecated_versions={"2022-01-01": date(2027, 6, 30)})
    api = Api(settings, vault)
    client = Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    for version in SUPPORTED:
        for path in (INSTRUMENTS, INSTRUMENTS + "/unknown", "/pg/customers/./instruments"):
            message = (await client.call(path=path, x_api_version=version)).headers.get("x-deprecated-at")
            # Before its version is looked at, a call is answered in the newest one.
            is_told = version == "2022-01-01" and "/./" not in path
            assert message == ("2027-06-30" if is_told else None)
    await api.stop()


def test_only_a_version_that_there_is_can_end(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="deprecated_versions"):
        deprecations({"2021-05-21": date(2027, 6, 30)})
    with pytest.raises(SettingsError, match="deprecated_versions"):
        check_api_settings(msgspec.structs.replace(settings, deprecated_versions={"v1": date(2027, 6, 30)}))
