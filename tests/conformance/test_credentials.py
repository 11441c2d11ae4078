"""The four pairs of credentials, as the Node SDKs send them. The Python SDKs can send only the first."""

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

UNAUTHENTICATED = {"message": "authentication Failed", "code": "request_failed", "type": "authentication_error"}
PAIRS = [
    "client id and secret",
    "client id and partner key",
    "partner merchant id and partner key",
    "client id and signature",
]


@dataclass(frozen=True, slots=True)
class MerchantCredentials:
    """All credentials of the demo merchant and its partner."""

    emulator: Emulator
    public_key: str

    def pair(self, name: str, *, algorithm: str = "sha1", seconds: int = 0) -> Options:
        """Return one pair; the other credentials are empty.

        Args:
            name: The pair, as in `PAIRS`.
            algorithm: The hash of the signature's padding.
            seconds: The age of the signature.
        """
        empty = Options(client_id="", client_secret="")
        emulator = self.emulator
        match PAIRS.index(name):
            case 0:
                return {**empty, "client_id": emulator.client_id, "client_secret": emulator.client_secret}
            case 1:
                return {**empty, "client_id": emulator.client_id, "partner_key": emulator.partner_api_key}
            case 2:
                merchant_id = emulator.partner_merchant_id
                return {**empty, "partner_merchant_id": merchant_id, "partner_key": emulator.partner_api_key}
            case _:
                value = signature(self.public_key, emulator.client_id, int(time.time()) - seconds, algorithm)
                return {**empty, "client_id": emulator.client_id, "client_signature": value}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MerchantCredentials]:
    data = tmp_path_factory.mktemp("signing") / "vault"
    with emulators.emulator("--no-rate-limits", "--data", str(data)) as running:
        yield MerchantCredentials(running, public_key(running, data))


@pytest.fixture
def sdk(release: Release, driver_of: Callable[[Release], Driver], credentials: MerchantCredentials) -> Sdk:
    """Return an SDK that calls the emulator whose merchant has a signature key."""
    return Sdk(release, driver_of(release), credentials.emulator)


def public_key(running: Emulator, data: Path) -> str:
    key = run_json("merchant", "signature-key", running.partner_merchant_id, "--data", str(data))
    return str(key["public_key"])


@pytest.mark.parametrize("name", PAIRS)
def test_each_pair_authenticates_every_call(sdk: Sdk, credentials: MerchantCredentials, name: str) -> None:
    customer = f"customer_{uuid4().hex[:12]}"
    instrument_id = credentials.emulator.save(customer)["instrument_id"]
    pair = credentials.pair(name)
    answers = [
        sdk.fetch_instruments(customer, **pair),
        sdk.fetch_instrument(customer, instrument_id, **pair),
        sdk.fetch_cryptogram(customer, instrument_id, **pair),
        sdk.delete_instrument(customer, instrument_id, **pair),
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 200]


def test_a_signature_can_be_padded_with_sha_256(sdk: Sdk, credentials: MerchantCredentials) -> None:
    pair = credentials.pair("client id and signature", algorithm="sha256")
    assert sdk.fetch_instruments("anybody", **pair).status == 200


def test_a_signature_expires_after_ten_minutes(sdk: Sdk, credentials: MerchantCredentials) -> None:
    young, old = (credentials.pair("client id and signature", seconds=seconds) for seconds in (570, 630))
    assert sdk.fetch_instruments("anybody", **young).status == 200
    assert sdk.fetch_instruments("anybody", **old).status == 401


@pytest.mark.parametrize(
    ("name", "wrong_part"),
    [
        pytest.param("client id and secret", "client_secret", id="a secret"),
        pytest.param("client id and partner key", "partner_key", id="a partner key"),
        pytest.param("partner merchant id and partner key", "partner_merchant_id", id="a partner merchant id"),
        pytest.param("client id and signature", "client_signature", id="a signature"),
        pytest.param("client id and signature", "client_id", id="a client id"),
    ],
)
def test_a_pair_with_one_wrong_part_is_rejected(
    sdk: Sdk, credentials: MerchantCredentials, name: str, wrong_part: str
) -> None:
    step = sdk.step("fetch_instruments", "anybody", "card", **credentials.pair(name))
    (answer,) = sdk.run([{**step, wrong_part: "wrong"}])
    assert answer.status == 401
    assert {field: answer.body[field] for field in UNAUTHENTICATED} == UNAUTHENTICATED


@pytest.mark.parametrize("name", PAIRS[1:])
def test_half_a_pair_is_rejected(sdk: Sdk, credentials: MerchantCredentials, name: str) -> None:
    step = sdk.step("fetch_instruments", "anybody", "card", **credentials.pair(name))
    halves = [
        field for field in ("client_id", "partner_merchant_id", "partner_key", "client_signature") if step.get(field)
    ]
    answers = sdk.run([{**step, missing: ""} for missing in halves])
    assert [answer.status for answer in answers] == [401, 401]
