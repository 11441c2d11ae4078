"""The emulator's log and status page say why a caller was not authenticated; the answer never does."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.server.api.calls import Client
from tests.support.builders import VISA, sql
from tests.support.clock import SettableClock
from tests.support.emulator_process import instruments, started
from tests.support.http_client import Connection
from tests.support.signatures import signature
from tokenvault_server.api.call import Request
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.emulator.auth_diagnosis import AuthDiagnosis
from tokenvault_server.vault.merchants import NewMerchant

OF_CASHFREE = "cfsk_ma_prod_0123456789abcdef0123456789abcdef_01234567"


@dataclass
class Scene:
    """A merchant with a client, its neighbour, and a partner of the merchant."""

    vault: Vault
    clock: SettableClock
    client: Client
    other: NewMerchant
    partner_key: str
    public_key: str
    diagnosis: AuthDiagnosis

    @property
    def merchant_id(self) -> str:
        return self.client.merchant.merchant.merchant_id

    @property
    def client_id(self) -> str:
        return self.client.credentials["x-client-id"]

    @property
    def secret(self) -> str:
        return self.client.credentials["x-client-secret"]

    def signed(self, late: int = 0, **changes: str) -> str:
        client_id = changes.pop("client_id", self.client_id)
        return signature(self.public_key, client_id, self.clock.now() // SECOND - late, **changes)


@pytest.fixture
async def scene(vault: Vault, clock: SettableClock, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    diagnosis = AuthDiagnosis(vault.engine, vault.sealer, vault.merchants, vault.client_signatures, clock)
    api = Api(vault.settings, vault, diagnosis)
    pipeline = await api.start()
    merchant = await vault.merchants.add("Shop", "tests")
    other = await vault.merchants.add("Neighbour", "tests")
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, merchant.merchant.merchant_id, "tests")
    public_key = ""
    if getattr(request.node, "callspec", None) and request.node.callspec.params["case"] in SIGNATURES:
        public_key = await vault.client_signatures.make_key(merchant.merchant.merchant_id, "tests")
    client = Client(vault, pipeline, merchant)
    yield Scene(vault, clock, client, other, partner.api_key.reveal(), public_key, diagnosis)
    await diagnosis.settled()
    await api.stop()


async def revoke_secret(scene: Scene) -> None:
    (secret,) = await scene.vault.merchants.secrets(scene.client.merchant.merchant.merchant_id)
    await scene.vault.merchants.revoke_secret(scene.client.merchant.merchant.merchant_id, secret.credential_id, "tests")


async def replace_secret(scene: Scene) -> None:
    await scene.vault.merchants.rotate_secret(scene.client.merchant.merchant.merchant_id, 60, "tests")
    scene.clock.advance(minutes=2)


async def revoke_key(scene: Scene) -> None:
    (partner,) = await scene.vault.partners.list()
    (key,) = await scene.vault.partners.keys(partner.partner_id)
    await scene.vault.partners.revoke_key(partner.partner_id, key.credential_id, "tests")


async def nothing(_scene: Scene) -> None:
    """Change nothing."""


Headers = Callable[[Scene], dict[str, str | None]]
Change = Callable[[Scene], Awaitable[None]]

NO_SECRET: dict[str, str | None] = {"x_client_secret": None}
CASES: dict[str, tuple[Headers, str, Change]] = {
    "nothing sent": (lambda _: {"x_client_id": None, "x_client_secret": None}, "x-client-id is missing", nothing),
    "no client id": (lambda _: {"x_client_id": None}, "x-client-id is missing", nothing),
    "no secret": (lambda _: NO_SECRET, "x-client-secret is missing", nothing),
    "an unknown client id": (lambda _: {"x_client_id": "TEST123"}, "x-client-id is no client id", nothing),
    "both wrong": (
        lambda _: {"x_client_id": "TEST123", "x_client_secret": "incorrect-1"},
        "x-client-id is no client id.*prints its credentials",
        nothing,
    ),
    "a wrong secret": (lambda _: {"x_client_secret": "incorrect-1"}, "x-client-secret is wrong: no merchant", nothing),
    "a card number": (lambda _: {"x_client_secret": VISA}, "x-client-secret is wrong", nothing),
    "a card number as id": (lambda _: {"x_client_id": VISA}, "x-client-id is no client id", nothing),
    "exchanged": (
        lambda scene: {"x_client_id": scene.secret, "x_client_secret": scene.client_id},
        "are exchanged",
        nothing,
    ),
    "the merchant's id": (
        lambda scene: {"x_client_id": scene.merchant_id},
        "the id of a merchant, which belongs into x-partner-merchantid",
        nothing,
    ),
    "in quotation marks": (lambda scene: {"x_client_secret": f'"{scene.secret}"'}, "quotation marks", nothing),
    "sent twice": (lambda scene: {"x_client_secret": f"{scene.secret}, {scene.secret}"}, "sent twice", nothing),
    "another merchant's secret": (
        lambda scene: {"x_client_secret": scene.other.client_secret.reveal()},
        "a secret of another merchant, mer_",
        nothing,
    ),
    "another environment": (lambda _: {"x_client_secret": OF_CASHFREE}, "looks like Cashfree's", nothing),
    "all of another environment": (
        lambda _: {"x_client_id": "a-production-client-id", "x_client_secret": OF_CASHFREE},
        "looks like Cashfree's",
        nothing,
    ),
    "a revoked secret": (lambda _: {}, "x-client-secret was revoked at 2026-", revoke_secret),
    "an expired secret": (lambda _: {}, "x-client-secret expired at 2026-", replace_secret),
    "a partner's key as secret": (
        lambda scene: {"x_client_secret": scene.partner_key},
        "the key of a partner, which belongs into x-partner-apikey",
        nothing,
    ),
    "a wrong partner's key": (
        lambda scene: {"x_partner_apikey": scene.partner_key + "x"},
        "x-partner-apikey is wrong",
        nothing,
    ),
    "a secret as partner's key": (
        lambda scene: {"x_partner_apikey": scene.secret},
        "not the key of a partner",
        nothing,
    ),
    "a revoked partner's key": (
        lambda scene: {"x_partner_apikey": scene.partner_key},
        "x-partner-apikey was revoked at 2026-",
        revoke_key,
    ),
    "a partner without a merchant": (
        lambda scene: {"x_client_id": None, "x_partner_apikey": scene.partner_key},
        "no merchant is named",
        nothing,
    ),
    "a partner of an unknown merchant": (
        lambda scene: {"x_partner_merchantid": "mer_0", "x_partner_apikey": scene.partner_key},
        "x-partner-merchantid names no merchant",
        nothing,
    ),
    "a partner of an unknown client": (
        lambda scene: {"x_client_id": "TEST1", "x_partner_apikey": scene.partner_key},
        "x-client-id names no merchant",
        nothing,
    ),
    "a partner that is not linked": (
        lambda scene: {
            "x_partner_merchantid": scene.other.merchant.merchant_id,
            "x_partner_apikey": scene.partner_key,
        },
        "the partner par_.* is not linked to the merchant mer_",
        nothing,
    ),
}
SIGNATURES: dict[str, tuple[Headers, str, Change]] = {
    "a signature of nobody": (
        lambda scene: {**NO_SECRET, "x_client_id": "TEST1", "x_client_signature": scene.signed()},
        "x-client-id is no client id",
        nothing,
    ),
    "a signature of a merchant without a key": (
        lambda scene: {
            **NO_SECRET,
            "x_client_id": scene.other.merchant.client_id,
            "x_client_signature": scene.signed(),
        },
        "has no signature key",
        nothing,
    ),
    "no base64": (lambda _: {**NO_SECRET, "x_client_signature": "?"}, "is not base64", nothing),
    "Latin-1": (lambda _: {**NO_SECRET, "x_client_signature": "é"}, "is not base64", nothing),
    "made with another key": (
        lambda _: {**NO_SECRET, "x_client_signature": "QUFBQUFBQUFBQUFBQUFBQQ=="},
        "was not made with the newest public key",
        nothing,
    ),
    "another form": (
        lambda scene: {**NO_SECRET, "x_client_signature": scene.signed(text="hello")},
        "does not hold the client id",
        nothing,
    ),
    "for another client": (
        lambda scene: {**NO_SECRET, "x_client_signature": scene.signed(client_id="TEST1")},
        "made for another client id",
        nothing,
    ),
    "a late signature": (
        lambda scene: {**NO_SECRET, "x_client_signature": scene.signed(700)},
        "is 700 seconds old: it is accepted for 600",
        nothing,
    ),
    "an early signature": (
        lambda scene: {**NO_SECRET, "x_client_signature": scene.signed(-100)},
        "is of 100 seconds from now",
        nothing,
    ),
}
REFUSED: Final = {"message": "authentication Failed", "code": "request_failed", "type": "authentication_error"}


@pytest.mark.parametrize("case", [*CASES, *SIGNATURES])
async def test_the_log_says_why_and_neither_it_nor_the_answer_shows_more(
    scene: Scene, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers_of, expected, change = (CASES | SIGNATURES)[case]
    await change(scene)
    headers = headers_of(scene)
    with caplog.at_level(logging.WARNING):
        answer = await scene.client.call(**headers)  # type: ignore[arg-type]  # headers only
        await scene.diagnosis.settled()
    assert (answer.status, answer.body) == (401, REFUSED)
    (record,) = (record for record in caplog.records if record.getMessage() == "authentication failed")
    assert re.search(expected, vars(record)["reason"]), vars(record)["reason"]
    assert vars(record)["request_id"] == answer.headers["x-request-id"]
    (shown,) = scene.diagnosis.recent()
    assert vars(record)["reason"] in shown
    sent = {scene.secret, scene.partner_key, *(headers.get(name) for name in headers if "merchantid" not in name)}
    for value in sent - {None, "", "?", "é"}:
        assert value == scene.merchant_id or str(value) not in f"{vars(record)} {shown}"


async def test_a_diagnosis_that_fails_says_so(scene: Scene) -> None:
    await sql(scene.vault.engine, "ALTER TABLE merchant_secrets RENAME TO elsewhere")
    scene.diagnosis(_request(scene))
    await scene.diagnosis.settled()
    assert "could not be found out" in scene.diagnosis.recent()[0]


def _request(scene: Scene) -> Request:
    wire = [(b"x-client-id", scene.client_id.encode()), (b"x-client-secret", b"wrong")]
    return Request("GET", b"/", b"", wire, "192.0.2.1")


async def test_only_the_last_failures_are_kept(scene: Scene) -> None:
    for number in range(30):
        await scene.client.call(x_client_secret="wrong", x_request_id=f"request-{number}")
    await scene.diagnosis.settled()
    kept = scene.diagnosis.recent()
    assert len(kept) == 20
    assert "request-29" in kept[0]


def test_an_emulator_says_why_in_its_log_and_on_its_status_page(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started(log=log) as (running, process):
        headers = running.headers() | {"x-client-secret": "wrong", "x-request-id": "request-1"}
        with Connection(running.base_url, headers) as connection:
            assert connection.ask("GET", instruments("asha")).status == 401
        with Connection(running.console_url, {}) as console:
            page = console.ask("GET", "").body.decode()
        process.terminate()
        process.wait(20)
    assert "request-1: x-client-secret is wrong" in page
    assert '"reason":"x-client-secret is wrong' in log.read_text()
