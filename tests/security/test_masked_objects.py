"""Objects that are printed, formatted or logged show no card number and no secret."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from tests.security.spellings import leaks
from tests.support.builders import a_cryptogram, a_merchant, a_request, a_saved_card, settings_in
from tests.support.emulator_process import enrolment
from tokenvault_contract.entities import CryptogramEntity, EnrolmentRequest
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.domain.card import with_check_digit
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.emulator.announcement import Announcement
from tokenvault_server.emulator.credentials import Credentials
from tokenvault_server.settings import HiddenText, Settings
from tokenvault_server.telemetry.logs import JsonLines
from tokenvault_server.tsp.local.verification import Presentation

PAN = with_check_digit("470613987654321")  # of a served range; the sandbox cards stand in a public table
PASSPHRASE = "a passphrase that must stay secret"


@dataclass
class Objects:
    """Objects that hold secrets, and the secrets."""

    secrets: list[str] = field(default_factory=list)
    things: list[object] = field(default_factory=list)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return asyncio.run(collected(tmp_path_factory.mktemp("masked") / "vault"))


async def collected(folder: Path) -> Objects:
    """Use each verb of a vault; return its arguments and results, and all other objects that are alive."""
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
        things += on_the_wire(token, value, secret, key)
        alive = [thing for thing in gc.get_objects() if str(type(thing).__module__).startswith("tokenvault_")]
        return Objects([PAN, token, value, secret, key, PASSPHRASE], things + alive)
    finally:
        await vault.close()


def on_the_wire(token: str, value: str, secret: str, key: str) -> list[object]:
    """Return the structs that carry numbers and secrets on the wire."""
    body = msgspec.convert(enrolment(PAN), EnrolmentRequest)
    return [
        body,
        body.card,
        CryptogramEntity("instrument", "90051797522", token, "11", "2030", value, "2123"),
        Credentials("mer_1", "TEST1", secret, key, secret),
        Announcement("http://127.0.0.1/pg", "TEST1", secret, key, "mer_1", secret, "", ""),
        Settings(passphrase=HiddenText(PASSPHRASE)),
    ]


def logged(thing: object) -> str:
    """Return the line that a careless `logger.info("...", extra={"thing": thing})` writes."""
    record = logging.makeLogRecord({"msg": "here is %s", "args": (thing,), "thing": thing, "things": [thing]})
    return JsonLines().format(record)


SHOWN: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "an f-string": lambda thing: f"{thing}",
    "a list": lambda thing: repr([thing]),
    "the log": logged,
}


@pytest.mark.parametrize("how", SHOWN)
def test_no_object_shows_a_secret(objects: Objects, how: str) -> None:
    show = SHOWN[how]
    shown = {
        f"{number} {type(thing).__qualname__}": show(thing).encode() for number, thing in enumerate(objects.things)
    }
    assert len(shown) > 50
    assert leaks(shown, objects.secrets) == []
