"""One rule for ids: what a running server accepts, the client and the drop-in send, and the other way round."""

from __future__ import annotations

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
import urllib3

from cashfree_pg import ApiClient, Cashfree
from cashfree_pg.exceptions import ApiValueError
from tests.support.emulator_process import Emulator, emulator
from tokenvault_client import Card, Client, Consent, UsageError
from tokenvault_contract.identifiers import MAX_LENGTH

WRITTEN: Final = {
    "Devanagari": "अनीता_शर्मा",
    "Tamil": "கமலா",
    "Bengali, with a joiner": "ক\u200dষ",
    "Malayalam, with a non-joiner": "ന\u200cവ",
    "Arabic": "مُحَمَّد",
    "Hebrew, with points": "שָׁלוֹם",
    "Thai": "สมหญิง",
    "Tibetan": "བོད་",
    "combining": "e\u0301\u0323",
    "half-width": "ｶﾞ",
    "non-breaking spaces": "M\u00a0\u202fX\u2060Y",
    "ideographic space": "山田\u3000花子",
    "a mark of direction": "abc\u200f",
    "a family": "👩\u200d👩\u200d👧\u200d👦",
    "a flag": "🏴\U000e0067\U000e0062\U000e007f",
    "newer than this Python": "\U0001fae9\U0001fadf",
    "unassigned": "\U0003ffff\u0378",
    "private": "\ue000",
    "no character": "\uffff\ufdd0",
    "a line separator": "a\u2028b",
    "a soft hyphen": "a\u00adb",
    "a byte order mark": "\ufeffa",
    "a variation selector": "a\ufe0f",
    "reserved": "a/b?c#d%e&f=g+h;i:j@k!$'()*,[]|\\^`<>\"",
    "spaces around": "  a  ",
}
REJECTED: Final = {
    "nothing": "",
    "a dot": ".",
    "dots": "..",
    "a template": "{customer_id}",
    "a secret": "tvsk_1",
    "a partner's key": "a-tvpk_1",
    "a line end": "a\r\nb",
    "zero": "a\0",
    "delete": "\x7f",
    "next line": "\x85",
    "too long": "x" * (MAX_LENGTH + 1),
    "too many of four bytes": "\U0001f600" * (MAX_LENGTH + 1),
}
LONGEST: Final = {"longest": "x" * MAX_LENGTH, "longest of four bytes": "\U0001f600" * MAX_LENGTH}
EACH: Final = 4
"""The characters to try of each category."""


def of_every_category() -> Iterator[tuple[str, str]]:
    """Yield ids with the first, last and middle characters of every category of Unicode."""
    characters: defaultdict[str, list[str]] = defaultdict(list)
    for number in range(0, sys.maxunicode + 1, 1):
        character = chr(number)
        characters[unicodedata.category(character)].append(character)
    for category, members in characters.items():
        step = max(1, len(members) // EACH)
        for character in [*members[::step], members[-1]]:
            yield f"{category} U+{ord(character):04X}", f"a{character}"
            yield f"{category} U+{ord(character):04X} alone", character


@pytest.fixture(scope="module")
def vault() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as running:
        yield running


def is_served(http: urllib3.PoolManager, vault: Emulator, customer_id: str) -> bool:
    """Return whether the server accepts an id. This program writes the request itself."""
    headers = {
        "x-client-id": vault.client_id,
        "x-client-secret": vault.client_secret,
        "x-api-version": "2026-01-01",
    }
    path = quote(customer_id, safe="", errors="surrogatepass").replace(".", "%2E")
    url = f"{vault.base_url}/customers/{path}/instruments?instrument_type=card"
    status = http.request("GET", url, headers=headers, preload_content=True).status
    assert status in {200, 400, 404}
    return status == 200


def test_the_server_and_both_clients_have_the_same_rule_for_ids(vault: Emulator) -> None:
    ids = {**WRITTEN, **REJECTED, **LONGEST, **dict(of_every_category())}
    api = Cashfree(Cashfree.SANDBOX, vault.client_id, vault.client_secret, XBaseUrl=vault.base_url)
    different = []
    with (
        urllib3.PoolManager() as http,
        Client(base_url=vault.base_url, client_id=vault.client_id, client_secret=vault.client_secret) as client,
    ):
        for name, each in ids.items():
            served = is_served(http, vault, each)
            if (served, served) != (client_sends(client, each), drop_in_sends(api, each)):
                different.append(name)
            assert served or name not in {*WRITTEN, *LONGEST}, name
            assert not served or name not in REJECTED, name
    ApiClient.get_default().close()
    assert different == []


def client_sends(client: Client, customer_id: str) -> bool:
    try:
        client.fetch_instruments(customer_id)
    except UsageError:
        return False
    return True


def drop_in_sends(api: Cashfree, customer_id: str) -> bool:
    try:
        api.PGCustomerFetchInstruments(customer_id, "card")
    except ApiValueError:
        return False
    return True


@pytest.mark.parametrize("name", WRITTEN)
def test_a_card_is_saved_under_an_id_and_a_name_in_any_script(vault: Emulator, name: str) -> None:
    written = WRITTEN[name]
    card = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="2031", card_holder_name=written)
    consent = Consent(given_at="2026-11-22T10:00:00+05:30", text_version="v1")
    with Client(base_url=vault.base_url, client_id=vault.client_id, client_secret=vault.client_secret) as client:
        saved = client.enrol_instrument(written, card, afa_reference="7", consent=consent).data
        assert saved.customer_id == written
        assert client.fetch_instruments(written).data == (saved,)


@pytest.mark.parametrize(
    ("key", "accepted"), [("x" * 128, True), ("!~", True), ("x" * 129, False), ("a b", False), ("tvsk_1", False)]
)
def test_the_server_and_the_client_have_the_same_rule_for_keys(vault: Emulator, key: str, *, accepted: bool) -> None:
    headers = {"x-client-id": vault.client_id, "x-client-secret": vault.client_secret, "x-api-version": "2026-01-01"}
    with urllib3.PoolManager() as http, Client(base_url=vault.base_url, client_id="me", client_secret="s") as client:
        for name, argument in (("x-request-id", "request_id"), ("x-idempotency-key", "idempotency_key")):
            url = f"{vault.base_url}/customers/asha/instruments?instrument_type=card"
            assert (http.request("GET", url, headers=headers | {name: key}).status == 200) == accepted
            if not accepted:
                arguments: Any = {argument: key}
                with pytest.raises(UsageError, match=argument):
                    client.fetch_instruments("asha", **arguments)
