"""Bodies as they cross the socket, byte for byte, for each version: `<version>/<what>.json` says how they look.

The files are indented for reading; the wire is not. `<words>` stand for values that differ from call to call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import urllib3

from tests.support.emulator_process import Emulator, emulator, instruments
from tests.support.http_client import Answer
from tokenvault_contract.versions import LATEST, SUPPORTED
from tokenvault_server.emulator.magic import HELP_NOTE

HERE = Path(__file__).parent
CUSTOMER = "siddhesh_desai"
SHAPES = {
    "<instrument id>": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",  # RFC 9562, 5.7
    "<instrument uid>": r"[0-9a-f]{64}",
    "<moment>": r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}\+00:00",
    "<Indian time>": r"20\d\d-[01]\d-[0-3]\d [0-2]\d:[0-5]\d:[0-5]\d",
    "<par>": r"[0-9A-Z]{29}",
    "<month>": r"(?:0[1-9]|1[0-2])",
    "<two-digit year>": r"\d\d",
    "<four-digit year>": r"20\d\d",
    "<token requestor id>": r"\d{11}",
    "<token PAN>": r"499999\d{10}",
    "<cryptogram>": r"[A-Za-z0-9+/]{27}=",
}
INDIA = timezone(timedelta(hours=5, minutes=30))

Calls = dict[str, Answer]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture(scope="module")
def calls(running: Emulator) -> dict[str, Calls]:
    """What every call was answered in every version: one card for each, deleted at its end."""
    return {version: every_call(running, version) for version in SUPPORTED}


def every_call(running: Emulator, version: str) -> Calls:
    card = running.save(CUSTOMER)
    path = instruments(CUSTOMER, card["instrument_id"])
    everything = instruments(CUSTOMER)
    with running.connection(version) as connection:
        return {
            "fetch_instruments": connection.ask("GET", everything + "?instrument_type=card"),
            "fetch_instrument": connection.ask("GET", path),
            "fetch_cryptogram": connection.ask("GET", path + "/cryptogram"),
            "delete_instrument": connection.ask("DELETE", path),
            "not_found": connection.ask("GET", path),
            "invalid": connection.ask("GET", everything + "?instrument_type=upi"),
            "unauthenticated": connection.ask("GET", path, headers={"x-client-secret": "wrong"}),
        }


def pattern_of(file: Path) -> re.Pattern[str]:
    """Gives what a body must match: the file without its indentation, and its `<words>` as their shapes."""
    text = re.escape(json.dumps(json.loads(file.read_text()), separators=(",", ":")))
    for words, shape in SHAPES.items():
        text = text.replace(re.escape(words), shape)
    return re.compile(text)


@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("what", sorted({file.stem for file in HERE.glob("*/*.json")}))
def test_a_body_is_what_its_version_promises(calls: dict[str, Calls], version: str, what: str) -> None:
    body = calls[version][what].body.decode().replace(f" {HELP_NOTE}", "")  # which only an emulator adds
    assert pattern_of(HERE / version / f"{what}.json").fullmatch(body), body


@pytest.mark.parametrize("version", SUPPORTED)
def test_an_answer_names_the_version_that_shaped_it(calls: dict[str, Calls], version: str) -> None:
    assert {answer.headers["x-api-version"] for answer in calls[version].values()} == {version}


def test_every_supported_version_has_its_golden_bodies() -> None:
    assert sorted(folder.name for folder in HERE.iterdir() if list(folder.glob("*.json"))) == sorted(SUPPORTED)


def test_old_and_new_versions_tell_the_same_moment(running: Emulator) -> None:
    card = running.save("same_moment")
    with running.connection(SUPPORTED[0]) as connection:
        old = connection.ask("GET", instruments("same_moment", card["instrument_id"])).json()
    moment = datetime.fromisoformat(card["created_at"])
    assert datetime.fromisoformat(old["created_at"]).replace(tzinfo=INDIA) == moment.replace(microsecond=0)


def test_a_saved_card_is_told_alike_when_saved_and_when_fetched(running: Emulator) -> None:
    card = running.save("told_alike")
    with running.connection(LATEST) as connection:
        assert connection.ask("GET", instruments("told_alike", card["instrument_id"])).json() == card


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_emulators_admin_listener_serves_the_openapi_document_of_its_api(running: Emulator, version: str) -> None:
    described = urllib3.request("GET", f"{running.console_url}openapi.json?version={version}").json()
    assert (described["info"]["version"], described["servers"]) == (version, [{"url": running.base_url}])
    assert {"/customers/{customer_id}/instruments", "/orders/{order_id}"} <= described["paths"].keys()
