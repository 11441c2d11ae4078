"""Every API version that an SDK can send, and the shape of its responses.

Versions up to 2023-08-01 have the values of Cashfree's older documents, later ones those of its present documents.
"""

import re
from datetime import datetime, timedelta

import pytest

from tests.conformance.official import PYTHON_RELEASES, RELEASES, SUPPORTED, Release, Sdk
from tests.support.http_client import Json

FIRST_NEW = "2025-01-01"
INDIAN_TIME = timedelta(hours=5, minutes=30)


def releases_with(versions: tuple[str, ...]) -> list[tuple[Release, str]]:
    """Return each SDK with those of `versions` that it can send."""
    return [(release, version) for release in RELEASES for version in versions if version in release.sends]


def id_of(value: Release | str) -> str:
    """Return the text of a parameter in the id of a test."""
    return value if isinstance(value, str) else value.name


def with_each(versions: tuple[str, ...]) -> pytest.MarkDecorator:
    """Run a test for each SDK with each of `versions`."""
    return pytest.mark.parametrize(("release", "version"), releases_with(versions), ids=id_of)


ALL = with_each(SUPPORTED)
OLD = with_each(tuple(version for version in SUPPORTED if version < FIRST_NEW))
NEW = with_each(tuple(version for version in SUPPORTED if version >= FIRST_NEW))
BOTH = pytest.mark.parametrize("release", [each for each in RELEASES if each.sends == SUPPORTED], ids=id_of)


@ALL
def test_the_response_has_the_version_of_the_request(sdk: Sdk, kept_card: Json, version: str) -> None:
    response = sdk.fetch_instrument(*ids(kept_card), version=version)
    assert (response.status, response.headers["x-api-version"]) == (200, version)


def test_the_default_version_of_an_sdk_is_supported(sdk: Sdk, kept_card: Json) -> None:
    response = sdk.fetch_instruments(kept_card["customer_id"])
    assert response.headers["x-api-version"] == sdk.release.default


@ALL
def test_every_version_has_the_same_values_of_the_card(sdk: Sdk, kept_card: Json, version: str) -> None:
    fetched = sdk.fetch_instrument(*ids(kept_card), version=version).body
    for field in ("instrument_id", "customer_id", "instrument_uid", "instrument_type", "instrument_status"):
        assert fetched[field] == kept_card[field]
    # SDK 3 to 6 fail on a number here, in every version.
    assert fetched["afa_reference"] == "740324562"
    assert fetched["instrument_meta"]["card_country"] == "IN"


@OLD
def test_old_versions_have_values_in_upper_case(sdk: Sdk, kept_card: Json, version: str) -> None:
    meta = sdk.fetch_instrument(*ids(kept_card), version=version).body["instrument_meta"]
    assert (meta["card_network"], meta["card_type"]) == ("VISA", "DEBIT_CARD")
    assert "card_sub_type" not in meta


@NEW
def test_new_versions_have_values_in_lower_case(sdk: Sdk, kept_card: Json, version: str) -> None:
    meta = sdk.fetch_instrument(*ids(kept_card), version=version).body["instrument_meta"]
    assert (meta["card_network"], meta["card_type"], meta["card_sub_type"]) == ("visa", "debit_card", "R")


@OLD
def test_old_versions_mask_in_lower_case(sdk: Sdk, kept_card: Json, version: str) -> None:
    fetched = sdk.fetch_instrument(*ids(kept_card), version=version).fields
    assert fetched["instrument_display"] == "xxxxxxxxxxxx2123"


@NEW
def test_new_versions_mask_in_upper_case(sdk: Sdk, kept_card: Json, version: str) -> None:
    fetched = sdk.fetch_instrument(*ids(kept_card), version=version).fields
    assert fetched["instrument_display"] == "XXXXXXXXXXXX2123"


@OLD
def test_old_versions_have_times_without_a_zone(sdk: Sdk, kept_card: Json, version: str) -> None:
    created_at = sdk.fetch_instrument(*ids(kept_card), version=version).fields["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", created_at)


@NEW
def test_new_versions_have_times_with_milliseconds_and_zone(sdk: Sdk, kept_card: Json, version: str) -> None:
    created_at = sdk.fetch_instrument(*ids(kept_card), version=version).fields["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", created_at)


@BOTH
def test_the_times_of_old_versions_are_in_indian_time(sdk: Sdk, kept_card: Json) -> None:
    steps = [sdk.step("fetch_instrument", *ids(kept_card), version=version) for version in ("2023-08-01", FIRST_NEW)]
    old, new = (datetime.fromisoformat(response.fields["created_at"]) for response in sdk.run(steps))
    assert old == (new.replace(tzinfo=None) + INDIAN_TIME).replace(microsecond=0)


@OLD
def test_old_versions_have_years_of_two_digits(sdk: Sdk, kept_card: Json, version: str) -> None:
    details = sdk.fetch_instrument(*ids(kept_card), version=version).fields["instrument_meta"]["card_token_details"]
    assert re.fullmatch(r"\d\d", details["expiry_year"])


@NEW
def test_new_versions_have_years_of_four_digits(sdk: Sdk, kept_card: Json, version: str) -> None:
    details = sdk.fetch_instrument(*ids(kept_card), version=version).fields["instrument_meta"]["card_token_details"]
    assert re.fullmatch(r"20\d\d", details["expiry_year"])


@ALL
def test_token_details_are_par_and_expiry(sdk: Sdk, kept_card: Json, version: str) -> None:
    details = sdk.fetch_instrument(*ids(kept_card), version=version).body["instrument_meta"]["card_token_details"]
    assert set(details) == {"par", "expiry_month", "expiry_year"}
    assert re.fullmatch(r"[0-9A-Z]{29}", details["par"])


@ALL
def test_the_list_has_the_shape_of_the_single_card(sdk: Sdk, kept_card: Json, version: str) -> None:
    listed = sdk.fetch_instruments(kept_card["customer_id"], version=version)
    assert listed.body == [sdk.fetch_instrument(*ids(kept_card), version=version).body]


@ALL
def test_a_cryptogram_has_one_shape_in_every_version(sdk: Sdk, kept_card: Json, version: str) -> None:
    cryptogram = sdk.fetch_cryptogram(*ids(kept_card), version=version).body
    assert list(cryptogram) == [
        "instrument_id",
        "token_requestor_id",
        "card_number",
        "card_expiry_mm",
        "card_expiry_yy",
        "cryptogram",
        "card_display",
    ]


@OLD
def test_errors_of_old_versions_have_no_help(sdk: Sdk, version: str) -> None:
    rejected = sdk.fetch_instrument("customer_123", "nobody", version=version)
    assert set(rejected.body) == {"message", "code", "type"}


@NEW
def test_errors_of_new_versions_have_help(sdk: Sdk, version: str) -> None:
    rejected = sdk.fetch_instrument("customer_123", "nobody", version=version)
    assert set(rejected.body) == {"message", "code", "type", "help"}


@ALL
def test_an_authentication_error_never_has_help(sdk: Sdk, version: str) -> None:
    rejected = sdk.fetch_instruments("customer_123", version=version, client_secret="not-the-secret")
    assert set(rejected.body) == {"message", "code", "type"}


def test_an_unknown_version_is_rejected(sdk: Sdk) -> None:
    rejected = sdk.fetch_instruments("customer_123", version="2024-02-30")
    assert (rejected.status, rejected.error) == (400, sdk.exception(400))
    assert rejected.body["code"] == "version_invalid"
    assert all(version in rejected.body["message"] for version in SUPPORTED)


@pytest.mark.parametrize("release", PYTHON_RELEASES, ids=id_of)
def test_a_missing_version_is_rejected(sdk: Sdk) -> None:
    # The Python SDKs omit the header if the version is empty.
    rejected = sdk.fetch_instruments("customer_123", version="")
    assert (rejected.status, rejected.body["code"]) == (400, "version_missing")


def ids(instrument: Json) -> tuple[str, str]:
    """Return the two ids of a call."""
    return instrument["customer_id"], instrument["instrument_id"]
