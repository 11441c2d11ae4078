"""No error repeats what was sent: no piece of four characters or more that is not a word of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.api.calls import INSTRUMENTS, Answer, Client, changed
from tests.support.builders import settings_in
from tests.support.clock import SettableClock
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server.bootstrap import Api, open_vault

CREATED = 201
_PIECE = 4
# Letters that none of our words has beside each other, so that what comes back can only have come from outside.
STRANGE = st.text(alphabet="QZJXqzjx0123456789é☃{}<>'\"", min_size=_PIECE, max_size=60)
HEADERS = (
    "x_api_version",
    "x_client_id",
    "x_client_secret",
    "x_partner_apikey",
    "x_partner_merchantid",
    "x_request_id",
)
FIELDS = ("card_number", "card_expiry_mm", "card_expiry_yy", "card_holder_name")


def assert_nothing_of(sent: str, answer: Answer) -> None:
    """Demands that no piece of what was sent is in what came back, our own version dates apart."""
    assert answer.status >= 400
    body = answer.raw.decode()
    for version in SUPPORTED:
        body = body.replace(version, "")
    repeated = [sent[at : at + _PIECE] for at in range(len(sent) - _PIECE + 1) if sent[at : at + _PIECE] in body]
    assert repeated == [], answer.raw


@asynccontextmanager
async def a_client() -> AsyncIterator[Client]:
    """Gives a client of a vault of its own; a fixture would be shared by all examples, and its event loop is not."""
    with TemporaryDirectory() as folder:
        vault = await open_vault(settings_in(Path(folder)), SettableClock(), initialise=True)
        api = Api(vault.settings, vault)
        yield Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
        await api.stop()
        await vault.close()


async def each_place(client: Client, text: str) -> None:
    """Sends a text wherever a text can be sent."""
    for header in HEADERS:
        latin = text.encode("latin-1", "replace").decode("latin-1")
        sent: dict[str, Any] = {header: latin}
        answer = await client.call(path=INSTRUMENTS + "/x", **sent)
        assert_nothing_of(latin, answer)
    wire = quote(text, safe="")
    for path in (f"/pg/{wire}", f"{INSTRUMENTS}/{wire}", f"/pg/customers/{wire}/instruments/{{x}}"):
        answer = await client.call(path=path)
        assert_nothing_of(text, answer)
        assert_nothing_of(wire, answer)
    assert_nothing_of(text, await client.call(query=f"instrument_type={wire}"))
    assert_nothing_of(text, await client.call("POST", body=text.encode()))
    for field in FIELDS:
        card = {"card_number": "4706131211212124", "card_expiry_mm": "03", "card_expiry_yy": "29"} | {field: text}
        answer = await client.call("POST", body=changed(card=card))
        if answer.status != CREATED:  # Hypothesis knows the numbers of this repository, right ones among them
            assert_nothing_of(text, answer)


@settings(max_examples=12, deadline=None)
@given(st.lists(STRANGE, min_size=10, max_size=10))
def test_no_error_repeats_its_input(texts: list[str]) -> None:
    async def run() -> None:
        async with a_client() as client:
            for text in texts:
                await each_place(client, text)

    anyio.run(run)
