"""Every API version that an SDK can send, and the shape in which it is answered.

Up to and including 2023-08-01 the words of Cashfree's older documents, from 2025-01-01 those of its present ones.
"""

import re
from datetime import datetime, timedelta

import pytest

from tests.conformance.official import PYTHON_RELEASES, RELEASES, SUPPORTED, Release, Sdk
from tests.support.http_client import Json

FIRST_NEW = "2025-01-01"
INDIAN_TIME = timedelta(hours=5, minutes=30)


def sent(versions: tuple[str, ...]) -> list[tuple[Release, str]]:
    """Pairs each SDK with those of `versions` that it can send."""
    return [(release, version) for release in RELEASES for version in versions if version in release.sends]


def named(value: Release | str) -> str:
    """Names a parameter in a test's id."""
    return value if isinstance(value, str) else value.name


def over(versions: tuple[str, ...]) -> pytest.MarkDecorator:
    """Runs a test for each SDK with each of `versions`."""
    return pytest.mark.parametrize(("release", "version"), sent(versions), ids=named)


ALL = over(SUPPORTED)
OLD = over(tuple(version for version in SUPPORTED if version < FIRST_NEW))
NEW = over(tuple(version for version in SUPPORTED if version >= FIRST_NEW))
BOTH = pytest.mark.parametrize("release", [each for each in RELEASES if each.sends == SUPPORTED], ids=named)


@ALL
def test_the_version_that_was_sent_answers(sdk: Sdk, kept_card: Json, version: str) -> None:
    answer = sdk.fetch_instrument(*names(kept_card), version=version)
    assert (answer.status, answer.headers["x-api-version"]) == (200, version)


def test_an_sdk_left_alone_is_answered_in_its_own_version(sdk: Sdk, kept_card: Json) -> None:
    answer = sdk.fetch_instruments(kept_card["customer_id"])
    assert answer.headers["x-api-version"] == sdk.release.default


@ALL
def test_every_version_says_the_same_of_the_card(sdk: Sdk, kept_card: Json, version: str) -> None:
    fetched = sdk.fetch_instrument(*names(kept_card), version=version).body
    for field in ("instrument_id", "customer_id", "instrument_uid", "instrument_type", "instrument_status"):
        assert fetched[field] == kept_card[field]
    # SDK 3 to 6 fail on a number here, whatever the version.
    assert fetched["afa_reference"] == "740324562"
    assert fetched["instrument_meta"]["card_country"] == "IN"


@OLD
def test_old_versions_write_their_words_in_capitals(sdk: Sdk, kept_card: Json, version: str) -> None:
    meta = sdk.fetch_instrument(*names(kept_card), version=version).body["instrument_meta"]
    assert (meta["card_network"], meta["card_type"]) == ("VISA", "DEBIT_CARD")
    assert "card_sub_type" not in meta


@NEW
def test_new_versions_write_their_words_small(sdk: Sdk, kept_card: Json, version: str) -> None:
    meta = sdk.fetch_instrument(*names(kept_card), version=version).body["instrument_meta"]
    assert (meta["card_network"], meta["card_type"], meta["card_sub_type"]) == ("visa", "debit_card", "R")


@OLD
def test_old_versions_mask_with_small_letters(sdk: Sdk, kept_card: Json, version: str) -> None:
    fetched = sdk.fetch_instrument(*names(kept_card), version=version).fields
    assert fetched["instrument_display"] == "xxxxxxxxxxxx2123"


@NEW
def test_new_versions_mask_with_capitals(sdk: Sdk, kept_card: Json, version: str) -> None:
    fetched = sdk.fetch_instrument(*names(kept_card), version=version).fields
    assert fetched["instrument_display"] == "XXXXXXXXXXXX2123"


@OLD
def test_old_versions_tell_time_without_a_zone(sdk: Sdk, kept_card: Json, version: str) -> None:
    created_at = sdk.fetch_instrument(*names(kept_card), version=version).fields["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", created_at)


@NEW
def test_new_versions_tell_time_with_milliseconds_and_zone(sdk: Sdk, kept_card: Json, version: str) -> None:
    created_at = sdk.fetch_instrument(*names(kept_card), version=version).fields["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", created_at)


@BOTH
def test_the_zone_that_old_versions_leave_out_is_india(sdk: Sdk, kept_card: Json) -> None:
    steps = [sdk.step("fetch_instrument", *names(kept_card), version=version) for version in ("2023-08-01", FIRST_NEW)]
    old, new = (datetime.fromisoformat(answer.fields["created_at"]) for answer in sdk.run(steps))
    assert old == (new.replace(tzinfo=None) + INDIAN_TIME).replace(microsecond=0)


@OLD
def test_old_versions_write_years_with_two_digits(sdk: Sdk, kept_card: Json, version: str) -> None:
    details = sdk.fetch_instrument(*names(kept_card), version=version).fields["instrument_meta"]["card_token_details"]
    assert re.fullmatch(r"\d\d", details["expiry_year"])


@NEW
def test_new_versions_write_years_with_four_digits(sdk: Sdk, kept_card: Json, version: str) -> None:
    details = sdk.fetch_instrument(*names(kept_card), version=version).fields["instrument_meta"]["card_token_details"]
    assert re.fullmatch(r"20\d\d", details["expiry_year"])


@ALL
def test_token_details_are_par_and_expiry(sdk: Sdk, kept_card: Json, version: str) -> None:
    details = sdk.fetch_instrument(*names(kept_card), version=version).body["instrument_meta"]["card_token_details"]
    assert set(details) == {"par", "expiry_month", "expiry_year"}
    assert re.fullmatch(r"[0-9A-Z]{29}", details["par"])


@ALL
def test_the_list_has_the_shape_of_the_fetch(sdk: Sdk, kept_card: Json, version: str) -> None:
    listed = sdk.fetch_instruments(kept_card["customer_id"], version=version)
    assert listed.body == [sdk.fetch_instrument(*names(kept_card), version=version).body]


@ALL
def test_a_cryptogram_has_one_shape_in_every_version(sdk: Sdk, kept_card: Json, version: str) -> None:
    cryptogram = sdk.fetch_cryptogram(*names(kept_card), version=version).body
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
def test_old_errors_offer_no_help(sdk: Sdk, version: str) -> None:
    refused = sdk.fetch_instrument("customer_123", "nobody", version=version)
    assert set(refused.body) == {"message", "code", "type"}


@NEW
def test_new_errors_offer_help(sdk: Sdk, version: str) -> None:
    refused = sdk.fetch_instrument("customer_123", "nobody", version=version)
    assert set(refused.body) == {"message", "code", "type", "help"}


@ALL
def test_a_refused_secret_offers_no_help_in_any_version(sdk: Sdk, version: str) -> None:
    refused = sdk.fetch_instruments("customer_123", version=version, client_secret="not-the-secret")
    assert set(refused.body) == {"message", "code", "type"}


def test_an_unknown_version_is_refused(sdk: Sdk) -> None:
    refused = sdk.fetch_instruments("customer_123", version="2024-02-30")
    assert (refused.status, refused.error) == (400, sdk.exception(400))
    assert refused.body["code"] == "version_invalid"
    assert all(version in refused.body["message"] for version in SUPPORTED)


@pytest.mark.parametrize("release", PYTHON_RELEASES, ids=named)
def test_a_missing_version_is_refused(sdk: Sdk) -> None:
    # The Python SDKs leave the header out when they are given an empty version.
    refused = sdk.fetch_instruments("customer_123", version="")
    assert (refused.status, refused.body["code"]) == (400, "version_missing")


def names(instrument: Json) -> tuple[str, str]:
    """Gives the two ids that a call needs."""
    return instrument["customer_id"], instrument["instrument_id"]
