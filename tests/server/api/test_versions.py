"""Older versions are the newest shape with every later change undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import msgspec
import pytest

from tests.server.api.calls import INSTRUMENTS, Client, changed
from tokenvault_contract.entities import CryptogramEntity, InstrumentEntity
from tokenvault_contract.operations import FETCH_CRYPTOGRAM, FETCH_INSTRUMENTS, OPERATIONS, Operation
from tokenvault_contract.problems import ErrorBody
from tokenvault_contract.versions import SUPPORTED, ApiVersion
from tokenvault_server.api.call import Request
from tokenvault_server.api.versions import CHANGES, DEFAULT, Change, Undo, Versions, unchanged
from tokenvault_server.bootstrap import Api, Vault, check_api_settings
from tokenvault_server.errors import SettingsError, VersionInvalidError, VersionMissingError
from tokenvault_server.settings import Settings

OLD = ("2022-01-01", "2022-09-01", "2023-08-01")
NEW = ("2025-01-01", "2026-01-01")


def asking(*headers: tuple[bytes, bytes]) -> Request:
    return Request("GET", b"/", b"", list(headers), "")


def test_old_and_new_are_all_there_are() -> None:
    assert OLD + NEW == SUPPORTED


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_header_names_the_version(version: str) -> None:
    request = asking((b"x-api-version", version.encode()))
    DEFAULT.check(request)
    assert DEFAULT.shape_of(request).version == version


def test_a_missing_version_lists_the_supported_ones() -> None:
    with pytest.raises(VersionMissingError, match=", ".join(SUPPORTED)):
        DEFAULT.check(asking())


@pytest.mark.parametrize("version", ["2021-05-21", "2026-01-01 ", "2026-1-1", "v5", "2027-01-01", "\xff"])
def test_any_other_version_is_refused_and_not_repeated(version: str) -> None:
    request = asking((b"x-api-version", version.encode("latin-1")))
    with pytest.raises(VersionInvalidError) as caught:
        DEFAULT.check(request)
    assert version not in caught.value.message.replace("2026-01-01", "")
    assert DEFAULT.shape_of(request) is DEFAULT.newest


@pytest.mark.parametrize("version", NEW)
async def test_a_newer_version_has_the_newest_shape(client: Client, version: str) -> None:
    saved = (await client.call("POST", body=changed(), x_api_version=version)).body
    meta = saved["instrument_meta"]
    assert saved["instrument_display"] == "XXXXXXXXXXXX2123"
    assert saved["created_at"] == "2026-11-22T08:45:30.000+00:00"
    assert (meta["card_network"], meta["card_type"], meta["card_sub_type"]) == ("visa", "debit_card", "R")
    assert len(meta["card_token_details"]["expiry_year"]) == 4


@pytest.mark.parametrize("version", OLD)
async def test_an_older_version_has_its_own_shape(client: Client, version: str) -> None:
    saved = (await client.call("POST", body=changed(), x_api_version=version)).body
    meta = saved["instrument_meta"]
    assert saved["instrument_display"] == "xxxxxxxxxxxx2123"
    assert saved["created_at"] == "2026-11-22 14:15:30"
    assert (meta["card_network"], meta["card_type"]) == ("VISA", "DEBIT_CARD")
    assert "card_sub_type" not in meta
    assert len(meta["card_token_details"]["expiry_year"]) == 2


@pytest.mark.parametrize("version", OLD)
async def test_lists_and_tombstones_have_the_shape_of_their_version(client: Client, version: str) -> None:
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
    shape = DEFAULT.shape_of(asking((b"x-api-version", version.encode())))
    assert msgspec.json.decode(shape.render(FETCH_CRYPTOGRAM, entity), type=CryptogramEntity) == entity


def test_rendering_the_newest_version_changes_nothing() -> None:
    rendered = DEFAULT.newest.render_error(ErrorBody("m", "c", "t", "h"))
    assert rendered == b'{"message":"m","code":"c","type":"t","help":"h"}'


async def test_only_a_deprecated_version_names_the_day_on_which_it_ends(vault: Vault) -> None:
    settings = msgspec.structs.replace(vault.settings, deprecated_versions={"2022-01-01": date(2027, 6, 30)})
    api = Api(settings, vault)
    client = Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    for version in SUPPORTED:
        for path in (INSTRUMENTS, INSTRUMENTS + "/unknown", "/pg/customers/./instruments"):
            day = (await client.call(path=path, x_api_version=version)).headers.get("x-deprecated-at")
            assert day == ("2027-06-30" if version == "2022-01-01" else None)
    await api.stop()


def test_only_a_supported_version_can_be_deprecated(settings: Settings) -> None:
    with pytest.raises(SettingsError) as caught:
        Versions(deprecated={"2021-05-21": date(2027, 1, 1)})
    assert caught.value.message == f"deprecated_versions knows {', '.join(SUPPORTED)}"
    with pytest.raises(SettingsError, match="deprecated_versions"):
        check_api_settings(msgspec.structs.replace(settings, deprecated_versions={"v1": date(2027, 6, 30)}))


def without(operation: Operation) -> Change:
    (change,) = CHANGES
    return replace(change, bodies={each: undo for each, undo in change.bodies.items() if each != operation})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.key)
def test_a_change_without_an_entry_for_a_body_fails_at_start_up(operation: Operation) -> None:
    with pytest.raises(ValueError, match=f"2025-01-01 does not say how to undo the body of {operation.key}$"):
        Versions(changes=(without(operation),))


def test_a_new_operation_fails_at_start_up_until_every_change_has_its_entry() -> None:
    new = [replace(FETCH_CRYPTOGRAM, key=key) for key in ("fetch_history", "fetch_limits")]
    with pytest.raises(ValueError, match=r"undo the body of fetch_history, fetch_limits$"):
        Versions(operations=(*OPERATIONS, *new))


def test_an_entry_for_no_operation_fails_at_start_up() -> None:
    left = [each for each in OPERATIONS if each not in {FETCH_CRYPTOGRAM, FETCH_INSTRUMENTS}]
    with pytest.raises(ValueError, match=r"undoes the body of no operation: fetch_instruments, fetch_cryptogram$"):
        Versions(operations=left)


def test_an_entry_for_another_body_fails_at_start_up() -> None:
    (change,) = CHANGES
    with pytest.raises(ValueError, match="undoes CryptogramEntity, the body of fetch_instruments is InstrumentEntity"):
        Versions(changes=[replace(change, bodies={**change.bodies, FETCH_INSTRUMENTS: unchanged(CryptogramEntity)})])
    with pytest.raises(ValueError, match="undoes InstrumentEntity, the body of error is ErrorBody"):
        Versions(changes=[replace(change, error=unchanged(InstrumentEntity))])


def test_an_undo_takes_the_shape_that_the_newer_one_gives() -> None:
    (change,) = CHANGES
    newer = replace(
        change,
        version=SUPPORTED[-1],
        bodies={**change.bodies, FETCH_CRYPTOGRAM: Undo(CryptogramEntity, None, gives=ErrorBody)},
    )
    with pytest.raises(ValueError, match="2025-01-01 undoes CryptogramEntity, the body of fetch_cryptogram is ErrorBo"):
        Versions(changes=(newer, change))


def test_every_version_may_have_changed_something() -> None:
    (change,) = CHANGES
    assert Versions([change.version], changes=[change]).newest.version == change.version


@pytest.mark.parametrize("versions", [("2023-08-01", "2025-01-01"), ("2025-01-01", "2025-01-01"), ("2024-01-01",)])
def test_changes_are_listed_newest_first_and_belong_to_versions(versions: tuple[str, ...]) -> None:
    (change,) = CHANGES
    with pytest.raises(ValueError, match=r"^changes are listed newest first, .* that changed something$"):
        Versions(changes=[replace(change, version=ApiVersion(version)) for version in versions])
