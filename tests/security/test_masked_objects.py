"""Objects that are printed, formatted or logged show no card number and no secret."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import json
import logging
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from pprint import pformat
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from tests.security.spellings import leaks
from tests.support.builders import a_caller, a_cryptogram, a_merchant, a_request, a_saved_card, settings_in
from tests.support.emulator_process import enrolment
from tokenvault_contract import operations
from tokenvault_contract.entities import CryptogramEntity, EnrolmentRequest
from tokenvault_server.api.call import Call, Reply, Request
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.domain.card import with_check_digit
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator.announcement import Announcement
from tokenvault_server.emulator.credentials import Credentials
from tokenvault_server.settings import HiddenOptions, HiddenText, PluginSetting, Settings
from tokenvault_server.telemetry.logs import JsonLines
from tokenvault_server.tsp.local.verification import Presentation
from tokenvault_server.vault.idempotency import StoredReply

PAN = with_check_digit("470613987654321")  # of a served range; the sandbox cards stand in a public table
EACH_KIND = 5
PASSPHRASE = "a passphrase that must stay secret"


@dataclass
class Objects:
    """Objects that hold secrets, and the secrets."""

    secrets: list[str] = field(default_factory=list)
    things: list[object] = field(default_factory=list)
    written_out: list[object] = field(default_factory=list)
    """Those that exist to be sent or printed: their fields are plain, and only their `repr` is masked."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return asyncio.run(collected(tmp_path_factory.mktemp("masked") / "vault"))


async def collected(folder: Path) -> Objects:
    """Use each verb of a vault; return its arguments and results, and all other objects that it made."""
    of_other_tests = {id(each) for each in gc.get_objects()}
    vault = await open_vault(settings_in(folder), SystemClock(), initialise=True)
    try:
        caller = await a_merchant(vault)
        merchant = await vault.merchants.add("Printed Shop", "tests")
        partner = await vault.partners.add("Printed Partner", "tests")
        saved = await a_saved_card(vault, caller, PAN)
        issued = await a_cryptogram(vault, caller, saved)
        request = a_request(PAN, merchant_id=caller.merchant_id)
        grant = await vault.token_service.provision(request)
        token, value = issued.cryptogram.token_pan.reveal(), issued.cryptogram.value.reveal()
        secret, key = merchant.client_secret.reveal(), partner.api_key.reveal()
        things = [merchant, partner, saved, issued, request, grant, saved.instrument, saved.secrets, issued.cryptogram]
        things += [Presentation(grant.token_pan, issued.cryptogram.value, caller.merchant_id)]
        things += [*of_a_call(secret, value), StoredReply(200, Secret(value.encode()))]
        things += [Settings(passphrase=HiddenText(PASSPHRASE))]
        things += [PluginSetting("acme", HiddenOptions({"api_key": PASSPHRASE}))]
        made = [each for each in gc.get_objects() if id(each) not in of_other_tests]
        alive = [thing for thing in made if str(type(thing).__module__).startswith("tokenvault_")]
        master_key = json.loads((folder / "master.key").read_text())["keys"]["1"]
        secrets = [PAN, token, value, secret, key, PASSPHRASE, master_key]
        return Objects(secrets, things + alive, on_the_wire(token, value, secret, key))
    finally:
        await vault.close()


def of_a_call(secret: str, value: str) -> list[object]:
    """Return a call with an API secret and a card number, and a reply with a cryptogram."""
    request = Request("GET", b"/", b"", [(b"x-client-secret", secret.encode())], "192.0.2.1")
    request.body = PAN.encode()
    operation = operations.ENROL_INSTRUMENT
    call = Call(request, operation, ("asha",), a_caller(), msgspec.Raw(PAN.encode()))
    return [request, call, Reply(200, value.encode())]


def on_the_wire(token: str, value: str, secret: str, key: str) -> list[object]:
    """Return the structs that carry numbers and secrets on the wire."""
    body = msgspec.convert(enrolment(PAN), EnrolmentRequest)
    return [
        body,
        body.card,
        CryptogramEntity("instrument", "90051797522", token, "11", "2030", value, "2123"),
        Credentials("mer_1", "TEST1", secret, key, secret),
        Announcement("http://127.0.0.1/pg", "TEST1", secret, key, "mer_1", secret, "", ""),
    ]


def logged(thing: object) -> str:
    """Return the line that a careless `logger.info("...", extra={"thing": thing})` writes."""
    record = logging.makeLogRecord({"msg": "here is %s", "args": (thing,), "thing": thing, "things": [thing]})
    return JsonLines().format(record)


TOOLS: tuple[Callable[[Any], object], ...] = (
    vars,
    dataclasses.asdict,
    msgspec.structs.asdict,
    msgspec.to_builtins,
    dict,
)


def fields_of(thing: object) -> str:
    """Return what tools make of an object's fields."""
    shown: list[object] = []
    for tool in TOOLS:
        with suppress(Exception):
            shown.append(tool(thing))
    return repr(shown)


def pickled(thing: object) -> str:
    """Return a pickle, or nothing where the object refuses."""
    with suppress(Exception):
        return pickle.dumps(thing).decode("latin-1")
    return ""


def copied(thing: object) -> str:
    """Return what copies show."""
    shown: list[object] = []
    for tool in (copy.copy, copy.deepcopy):
        with suppress(Exception):
            shown.append(tool(thing))
    return repr(shown)


SHOWN: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "an f-string": lambda thing: f"{thing}",
    "a list": lambda thing: repr([thing]),
    "the log": logged,
}


TAKEN_APART: dict[str, Callable[[object], str]] = {
    "pprint": pformat,
    "rich": pretty_repr,
    "its fields": fields_of,
    "a pickle": pickled,
    "a copy": copied,
}


@pytest.mark.parametrize("how", TAKEN_APART)
def test_no_tool_takes_a_secret_out_of_an_object(objects: Objects, how: str) -> None:
    take_apart = TAKEN_APART[how]
    kinds: dict[type, int] = {}
    shown = {}
    for number, thing in enumerate(objects.things):
        kinds[type(thing)] = kinds.get(type(thing), 0) + 1
        if kinds[type(thing)] <= EACH_KIND:
            shown[f"{number} {type(thing).__qualname__}"] = take_apart(thing).encode()
    assert leaks(shown, objects.secrets) == []


@pytest.mark.parametrize("how", SHOWN)
def test_no_object_shows_a_secret(objects: Objects, how: str) -> None:
    show = SHOWN[how]
    things = objects.things + objects.written_out
    shown = {f"{number} {type(thing).__qualname__}": show(thing).encode() for number, thing in enumerate(things)}
    assert len(shown) > 50
    assert leaks(shown, objects.secrets) == []
