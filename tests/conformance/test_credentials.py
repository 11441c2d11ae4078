"""The four pairs of credentials, as the Node SDKs send them; the Python SDKs can send the first only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conformance.official import NODE_RELEASES, Driver, Options, Release, Sdk
from tests.support import emulator_process as emulators
from tests.support.commands import run_json
from tests.support.emulator_process import Emulator
from tests.support.signatures import signature

pytestmark = pytest.mark.parametrize("release", NODE_RELEASES, ids=lambda release: release.name)

REFUSED = {"message": "authentication Failed", "code": "request_failed", "type": "authentication_error"}
PAIRS = [
    "client id and secret",
    "client id and partner key",
    "partner merchant id and partner key",
    "client id and signature",
]


@dataclass(frozen=True, slots=True)
class Wallet:
    """Everything that the ready merchant and its partner can sign in with."""

    emulator: Emulator
    public_key: str

    def pair(self, name: str, *, algorithm: str = "sha1", seconds: int = 0) -> Options:
        """Gives one pair; whatever else an SDK could send is left empty. `seconds`: how old the signature is."""
        nothing = Options(client_id="", client_secret="")
        mine = self.emulator
        match PAIRS.index(name):
            case 0:
                return {**nothing, "client_id": mine.client_id, "client_secret": mine.client_secret}
            case 1:
                return {**nothing, "client_id": mine.client_id, "partner_key": mine.partner_api_key}
            case 2:
                merchant_id = mine.partner_merchant_id
                return {**nothing, "partner_merchant_id": merchant_id, "partner_key": mine.partner_api_key}
            case _:
                made = signature(self.public_key, mine.client_id, int(time.time()) - seconds, algorithm)
                return {**nothing, "client_id": mine.client_id, "client_signature": made}


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wallet]:
    data = tmp_path_factory.mktemp("signing") / "vault"
    with emulators.emulator("--no-rate-limits", "--data", str(data)) as running:
        yield Wallet(running, public_key(running, data))


@pytest.fixture
def sdk(release: Release, driver_of: Callable[[Release], Driver], wallet: Wallet) -> Sdk:
    """An SDK, pointed at the emulator whose merchant has a signature key."""
    return Sdk(release, driver_of(release), wallet.emulator)


def public_key(running: Emulator, data: Path) -> str:
    made = run_json("merchant", "signature-key", running.partner_merchant_id, "--data", str(data))
    return str(made["public_key"])


@pytest.mark.parametrize("name", PAIRS)
def test_each_pair_signs_in_for_every_call(sdk: Sdk, wallet: Wallet, name: str) -> None:
    customer = f"customer_{uuid4().hex[:12]}"
    instrument_id = wallet.emulator.save(customer)["instrument_id"]
    pair = wallet.pair(name)
    answers = [
        sdk.fetch_instruments(customer, **pair),
        sdk.fetch_instrument(customer, instrument_id, **pair),
        sdk.fetch_cryptogram(customer, instrument_id, **pair),
        sdk.delete_instrument(customer, instrument_id, **pair),
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 200]


def test_a_signature_may_be_padded_with_sha_256(sdk: Sdk, wallet: Wallet) -> None:
    pair = wallet.pair("client id and signature", algorithm="sha256")
    assert sdk.fetch_instruments("anybody", **pair).status == 200


def test_a_signature_is_too_old_after_ten_minutes(sdk: Sdk, wallet: Wallet) -> None:
    young, old = (wallet.pair("client id and signature", seconds=seconds) for seconds in (570, 630))
    assert sdk.fetch_instruments("anybody", **young).status == 200
    assert sdk.fetch_instruments("anybody", **old).status == 401


@pytest.mark.parametrize(
    ("name", "spoiled"),
    [
        pytest.param("client id and secret", "client_secret", id="a secret"),
        pytest.param("client id and partner key", "partner_key", id="a partner key"),
        pytest.param("partner merchant id and partner key", "partner_merchant_id", id="a partner merchant id"),
        pytest.param("client id and signature", "client_signature", id="a signature"),
        pytest.param("client id and signature", "client_id", id="a client id"),
    ],
)
def test_a_pair_with_one_half_wrong_is_refused_alike(sdk: Sdk, wallet: Wallet, name: str, spoiled: str) -> None:
    step = sdk.step("fetch_instruments", "anybody", "card", **wallet.pair(name))
    (answer,) = sdk.run([{**step, spoiled: "wrong"}])
    assert answer.status == 401
    assert {field: answer.body[field] for field in REFUSED} == REFUSED


@pytest.mark.parametrize("name", PAIRS[1:])
def test_half_a_pair_is_refused(sdk: Sdk, wallet: Wallet, name: str) -> None:
    step = sdk.step("fetch_instruments", "anybody", "card", **wallet.pair(name))
    halves = [
        field for field in ("client_id", "partner_merchant_id", "partner_key", "client_signature") if step.get(field)
    ]
    answers = sdk.run([{**step, missing: ""} for missing in halves])
    assert [answer.status for answer in answers] == [401, 401]
