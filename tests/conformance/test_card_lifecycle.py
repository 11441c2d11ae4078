"""The lifecycle of a card with the official SDKs, as the code of a merchant sees each step."""

import base64
import re

from tests.conformance.lifecycle import CardLifecycle
from tests.conformance.official import Outcome, Sdk
from tests.support.emulator_process import VISA_DEBIT, Emulator
from tests.support.http_client import Json

PUBLISHED_MASTERCARD = "5105105105105100"


def test_a_saved_card_is_listed(lifecycle: CardLifecycle) -> None:
    assert lifecycle.listed.status == 200
    assert ids(lifecycle.listed) == [lifecycle.saved["instrument_id"]]


def test_a_saved_card_is_fetched_by_its_id(lifecycle: CardLifecycle) -> None:
    assert lifecycle.fetched.status == 200
    for field in ("instrument_id", "customer_id", "instrument_uid", "afa_reference", "instrument_status"):
        assert lifecycle.fetched.fields[field] == lifecycle.saved[field]


def test_the_list_and_the_fetch_agree(lifecycle: CardLifecycle) -> None:
    assert lifecycle.listed.body == [lifecycle.fetched.body]


def test_a_saved_card_has_a_cryptogram(lifecycle: CardLifecycle) -> None:
    cryptogram = lifecycle.cryptogram.fields
    assert lifecycle.cryptogram.status == 200
    assert cryptogram["instrument_id"] == lifecycle.saved["instrument_id"]
    assert len(base64.b64decode(cryptogram["cryptogram"], validate=True)) == 20
    assert re.fullmatch(r"\d{11}", cryptogram["token_requestor_id"])


def test_a_cryptogram_contains_the_token_and_not_the_card(lifecycle: CardLifecycle) -> None:
    cryptogram = lifecycle.cryptogram.fields
    assert re.fullmatch(r"\d{16}", cryptogram["card_number"])
    assert cryptogram["card_number"] != VISA_DEBIT
    assert passes_luhn(cryptogram["card_number"])
    assert cryptogram["card_display"] == VISA_DEBIT[-4:]


def test_a_cryptogram_contains_the_expiry_of_the_token(lifecycle: CardLifecycle) -> None:
    # The year has four digits in every API version, although the name of the field ends in "yy".
    assert re.fullmatch(r"0[1-9]|1[0-2]", lifecycle.cryptogram.fields["card_expiry_mm"])
    assert re.fullmatch(r"20\d\d", lifecycle.cryptogram.fields["card_expiry_yy"])


def test_deleting_returns_the_instrument_as_inactive(lifecycle: CardLifecycle) -> None:
    assert lifecycle.deleted.status == 200
    assert lifecycle.deleted.fields["instrument_id"] == lifecycle.saved["instrument_id"]
    assert lifecycle.deleted.fields["instrument_status"] == "INACTIVE"
    assert lifecycle.deleted.body["instrument_meta"]["card_token_details"] is None


def test_a_deleted_card_is_no_longer_listed(lifecycle: CardLifecycle) -> None:
    assert lifecycle.listed_after.status == 200
    assert lifecycle.listed_after.fields == []


def test_a_deleted_card_is_not_found(lifecycle: CardLifecycle, sdk: Sdk) -> None:
    assert lifecycle.fetched_after.status == 404
    assert lifecycle.fetched_after.error == sdk.exception(404)
    assert lifecycle.fetched_after.body["code"] == "instrument_not_found"


def test_a_deleted_card_has_no_cryptogram(sdk: Sdk, customer: str, card: Json) -> None:
    sdk.delete_instrument(customer, card["instrument_id"])
    rejected = sdk.fetch_cryptogram(customer, card["instrument_id"])
    assert (rejected.status, rejected.error) == (404, sdk.exception(404))


def test_deleting_twice_returns_the_same_response(sdk: Sdk, customer: str, card: Json) -> None:
    # The Python SDKs repeat a DELETE after a dropped connection. The repeat must not fail.
    first = sdk.delete_instrument(customer, card["instrument_id"])
    repeated = sdk.delete_instrument(customer, card["instrument_id"])
    assert (repeated.status, repeated.body) == (200, first.body)


def test_each_call_returns_a_new_cryptogram(sdk: Sdk, kept_card: Json) -> None:
    step = sdk.step("fetch_cryptogram", kept_card["customer_id"], kept_card["instrument_id"])
    first, second = sdk.run([step, step])
    assert first.fields["cryptogram"] != second.fields["cryptogram"]
    assert first.fields["card_number"] == second.fields["card_number"]


def test_cards_are_listed_oldest_first(sdk: Sdk, emulator: Emulator, customer: str) -> None:
    saved = [emulator.save(customer, pan)["instrument_id"] for pan in (VISA_DEBIT, PUBLISHED_MASTERCARD)]
    assert ids(sdk.fetch_instruments(customer)) == saved


def test_a_customer_without_cards_has_an_empty_list(sdk: Sdk, customer: str) -> None:
    listed = sdk.fetch_instruments(customer)
    assert (listed.status, listed.fields) == (200, [])


def ids(listed: Outcome) -> list[str]:
    """Return the ids of the listed instruments, in order."""
    return [instrument["instrument_id"] for instrument in listed.fields]


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1 annex B)."""
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits))]
    return sum(sum(divmod(value, 10)) for value in doubled) % 10 == 0
