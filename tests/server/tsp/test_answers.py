"""Invalid answers of a provider are treated like no answer, and one invalid answer does not block other calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.server.tsp.environment import NOW, VISA, Environment, FrozenClock, a_request, key
from tokenvault_server.domain.card import Expiry, with_check_digit
from tokenvault_server.domain.network import Network, network_of
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import (
    InstrumentInactiveError,
    SealBrokenError,
    TokenServiceNotAskedError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
)
from tokenvault_server.tsp.circuit import FAILURES, State
from tokenvault_server.tsp.events import InboxEvent, TokenStatus
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.sandbox_cards import TEST_RANGES
from tokenvault_server.tsp.provider import (
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenView,
)

KEY = key("tok_1")
TOKEN = NetworkToken(with_check_digit("499999123456789"))
GRANT = TokenGrant(
    token_reference="tok_1",
    token_pan=TOKEN,
    token_expiry=Expiry(2030, 11),
    par="V001" + "0" * 25,
    trid="40012345678",
    network=Network.VISA,
    last4=VISA[-4:],
    issuer="HDFC BANK",
    country="IN",
    card_type="debit_card",
    card_sub_type="R",
    at=NOW,
)
CRYPTOGRAM = Cryptogram(Secret("A" * 28), TOKEN, Expiry(2030, 11), "40012345678", NOW + 1, 1, 1, "07")
VIEW = TokenView("tok_1", TokenStatus.ACTIVE, Expiry(2030, 11), "40012345678", Network.VISA, VISA[-4:], NOW)


class FixedAnswer:
    """A provider that returns or raises one fixed answer."""

    tsp_id = "fixed"
    capabilities = LocalTokenService.capabilities

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def _result(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return cast("TokenGrant", await self._result())

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return cast("Cryptogram", await self._result())

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        return cast("LifecycleResult", await self._result())

    async def get(self, key: TokenKey) -> TokenView:
        return cast("TokenView", await self._result())

    async def close_enrolment(self, enrolment_id: str) -> str | None:
        return cast("str | None", await self._result())

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        return cast("list[InboxEvent]", await self._result())

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        await self._result()

    async def health(self) -> None:
        await self._result()

    async def sweep(self) -> None:
        await self._result()

    async def close(self) -> None:
        await self._result()


def guarding(answer: Any) -> GuardedTokenService:
    return GuardedTokenService(FixedAnswer(answer), FrozenClock())


def provisioned(answer: Any) -> TokenGrant:
    return asyncio.run(guarding(answer).provision(a_request()))


def cryptogram(answer: Any) -> Cryptogram:
    return asyncio.run(guarding(answer).cryptogram(KEY, CryptogramContext()))


def token(digits: str) -> NetworkToken:
    return NetworkToken(with_check_digit(digits))


def shown(change: dict[str, Any]) -> str:
    ((name, value),) = change.items()
    return f"{name}={value.reveal() if isinstance(value, Secret) else value}"


def test_valid_answers_pass() -> None:
    assert provisioned(GRANT) is GRANT
    assert cryptogram(CRYPTOGRAM) is CRYPTOGRAM
    assert asyncio.run(guarding(VIEW).get(KEY)) is VIEW
    assert asyncio.run(guarding("tok_1").close_enrolment("out_1")) == "tok_1"
    assert asyncio.run(guarding(None).close_enrolment("out_1")) is None


@pytest.mark.parametrize(
    "change",
    [
        {"token_reference": ""},
        {"token_reference": "x" * 129},
        {"token_reference": "two words"},
        {"token_reference": VISA},
        {"token_reference": f"tok_{VISA}"},
        {"token_reference": "tok_\u00e9"},
        {"token_pan": token("49999912345")},
        {"token_pan": token("4999991234567890123")},
        {"token_pan": NetworkToken("")},
        {"token_pan": NetworkToken("4999991234567x90")},
        {"token_pan": NetworkToken(TOKEN.reveal()[:-1] + str((int(TOKEN.reveal()[-1]) + 1) % 10))},
        {"token_pan": NetworkToken(VISA)},
        {"token_pan": token("559999123456789")},
        {"token_expiry": Expiry(2026, 10)},
        {"network": Network.MASTERCARD},
        {"network": "visa"},
        {"last4": "0000"},
        {"last4": ""},
        {"par": "V001" + "0" * 24},
        {"par": "v001" + "0" * 25},
        {"trid": "4001234567"},
        {"trid": "4001234567A"},
        {"country": "india"},
        {"status": TokenStatus.DELETED},
        {"status": TokenStatus.EXPIRED},
        {"at": 0},
        {"issuer": VISA},
        {"issuer": "HDFC\nBANK"},
        {"card_type": "x" * 101},
        {"card_sub_type": "\0"},
    ],
    ids=shown,
)
def test_an_invalid_grant_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableAnswerError) as refused:
        provisioned(replace(GRANT, **change))
    assert VISA not in refused.value.hint


def test_a_reference_may_look_like_a_card_number_as_random_ids_do() -> None:
    grant = replace(GRANT, token_reference="tok_01a2026e4111111111111111abcdef01")
    assert provisioned(grant) is grant


def test_a_token_with_an_unknown_prefix_may_belong_to_any_network() -> None:
    grant = replace(GRANT, token_pan=token("999999123456789"))
    assert provisioned(grant) is grant


@pytest.mark.parametrize(
    "change",
    [
        {"value": Secret("")},
        {"value": Secret("A" * 27)},
        {"value": Secret("A" * 41)},
        {"value": Secret("A" * 27 + " ")},
        {"value": Secret("A" * 28 + "\n")},
        {"expires_at": NOW},
        {"token_expiry": Expiry(2026, 10)},
        {"atc": -1},
        {"atc": 65_536},
        {"eci": "seven"},
    ],
    ids=shown,
)
def test_an_invalid_cryptogram_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableAnswerError):
        cryptogram(replace(CRYPTOGRAM, **change))


@pytest.mark.parametrize("length", [28, 32, 40])
def test_networks_differ_in_the_length_of_cryptograms(length: int) -> None:
    made = replace(CRYPTOGRAM, value=Secret("A" * length))
    assert cryptogram(made) is made


@pytest.mark.parametrize("answer", [None, {}, "granted", 5])
def test_an_answer_of_an_unknown_type_is_no_answer(answer: object) -> None:
    for ask in (provisioned, cryptogram):
        with pytest.raises(TokenServiceUnavailableError):
            ask(answer)


def test_the_status_of_another_token_is_refused() -> None:
    with pytest.raises(UnusableAnswerError):
        asyncio.run(guarding(VIEW).get(key("tok_2")))


def test_an_invalid_reference_is_never_taken_for_a_created_token() -> None:
    with pytest.raises(UnusableAnswerError):
        asyncio.run(guarding("").close_enrolment("out_1"))


@pytest.mark.parametrize(
    "answer",
    [replace(CRYPTOGRAM, value=Secret("")), UnusableAnswerError(), InstrumentInactiveError(), SealBrokenError()],
    ids=lambda answer: type(answer).__name__,
)
def test_an_error_about_one_card_blocks_no_other(answer: object) -> None:
    guarded = guarding(answer)
    for _ in range(2 * FAILURES):
        with pytest.raises((TokenServiceUnavailableError, InstrumentInactiveError)):
            asyncio.run(guarded.cryptogram(KEY, CryptogramContext()))
    assert {circuit.state for circuit in guarded.circuits} == {State.CLOSED}


def test_a_verb_that_keeps_failing_is_not_called_but_the_others_are() -> None:
    guarded = guarding(OSError())
    provider = cast("FixedAnswer", guarded._inner)  # noqa: SLF001  # the test changes its answer
    for _ in range(FAILURES):
        with pytest.raises(TokenServiceUnavailableError):
            asyncio.run(guarded.provision(a_request()))
    provider.answer = GRANT
    with pytest.raises(TokenServiceNotAskedError):
        asyncio.run(guarded.provision(a_request()))
    provider.answer = CRYPTOGRAM
    assert asyncio.run(guarded.cryptogram(KEY, CryptogramContext())) is CRYPTOGRAM


def test_a_verb_is_called_again_after_a_while(environment: Environment) -> None:
    guarded = GuardedTokenService(environment.service, environment.clock)
    provision = next(circuit for circuit in guarded.circuits if circuit.name == "local.provision")
    for _ in range(FAILURES):
        provision.failed(trial=provision.admit())
    environment.clock.advance(10)
    environment.run(guarded.provision(a_request()))
    assert provision.state is State.CLOSED


@pytest.mark.parametrize("card", TEST_RANGES, ids=lambda card: card.prefix)
def test_every_test_card_has_the_prefix_of_its_network(card: Any) -> None:
    assert network_of(card.prefix) is card.network


@pytest.mark.parametrize(
    ("number", "network"),
    [
        ("4111111111111111", Network.VISA),
        ("5105105105105100", Network.MASTERCARD),
        ("2221000000000009", Network.MASTERCARD),
        ("2720990000000007", Network.MASTERCARD),
        ("2220990000000000", None),
        ("2721000000000004", None),
        ("5610591081018250", None),
        ("6521111111111117", Network.RUPAY),
        ("8171999927660000", Network.RUPAY),
        ("3530111333300000", Network.RUPAY),
        ("340000000000009", Network.AMEX),
        ("30569309025904", Network.DINERS),
        ("36227206271667", Network.DINERS),
        ("3066000000000000", None),
        ("", None),
    ],
)
def test_a_network_is_identified_by_the_first_digits(number: str, network: Network | None) -> None:
    assert network_of(number) is network
