"""An unaltered cryptogram is verified, and an altered one never is."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.server.tsp.environment import Environment, a_request, presenting
from tests.support.databases import BOTH, SQLITE, TestServer
from tests.support.effort import effort
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.tsp.local import cryptogram
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.derivation import IssuerMasterKey
from tokenvault_server.tsp.local.verification import Outcome, Presentation
from tokenvault_server.tsp.provider import Amount, Cryptogram, CryptogramContext, TransactionKind

settings.register_profile("tsp", deadline=None, max_examples=effort(30, 2_000))  # a shared machine has no deadlines
often = settings(settings.get_profile("tsp"))

IMK = IssuerMasterKey(bytes(range(32)))

digits = st.characters(categories=[], include_characters="0123456789")
amounts = st.builds(Amount, st.integers(0, 10**12 - 1), st.text(digits, min_size=3, max_size=3))
contexts = st.builds(CryptogramContext, st.sampled_from(TransactionKind), st.none() | amounts)
subjects = st.builds(
    Subject,
    st.text(digits, min_size=14, max_size=19).map(NetworkToken),
    st.from_regex(r"[0-9]{2}(0[1-9]|1[0-2])", fullmatch=True),
    st.text(digits, min_size=11, max_size=11),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.none() | amounts,
)
claims_made = st.builds(
    Claims,
    st.integers(0, 255),
    st.integers(1, 65_535),
    st.binary(min_size=4, max_size=4),
    st.integers(0, 255),
    st.integers(0, 2**24 - 1),
)


@pytest.fixture(scope="module", params=BOTH)
def environment(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_servers: Callable[[str], TestServer],
) -> Iterator[Environment]:
    with nullcontext("") if request.param == SQLITE else postgres_servers(request.param).database() as store:
        environment = Environment(tmp_path_factory.mktemp("tsp"), store)
        yield environment
        environment.close()


def a_cryptogram(environment: Environment, context: CryptogramContext) -> tuple[Cryptogram, Presentation]:
    made = environment.cryptogram(environment.provision(a_request()).token_reference, context)
    return made, replace(presenting(made), amount=context.amount)


@often
@given(claims_made, st.binary(min_size=8, max_size=8))
def test_an_encoded_cryptogram_decodes(claims: Claims, mac: bytes) -> None:
    text = cryptogram.encode(claims, mac)
    assert len(text) == 28
    assert cryptogram.decode(text) == (claims, mac)


@often
@given(st.text(max_size=40) | st.binary(max_size=30).map(lambda packed: base64.b64encode(packed).decode()))
def test_decoding_never_raises_and_accepts_one_encoding_only(text: str) -> None:
    decoded = cryptogram.decode(text)
    assert decoded is None or cryptogram.encode(*decoded) == text


@often
@given(subjects, subjects, claims_made)
def test_different_subjects_have_different_inputs(one: Subject, other: Subject, claims: Claims) -> None:
    assume(_padded(one) != _padded(other))
    assert cryptogram.mac_input(one, claims) != cryptogram.mac_input(other, claims)


@often
@given(subjects, claims_made, claims_made)
def test_different_claims_have_different_codes(subject: Subject, one: Claims, other: Claims) -> None:
    assume(one != other)
    assert cryptogram.code(IMK, 0, subject, one) != cryptogram.code(IMK, 0, subject, other)


@often
@given(st.integers(0, 2**45), st.integers(-(2**20), 2**20))
def test_a_minute_of_issue_means_the_nearest_time(minute: int, minutes_later: int) -> None:
    assume(minute + minutes_later >= 0)
    carried = cryptogram.issue_minute(minute * MINUTE)
    assert cryptogram.issued_at(carried, (minute + minutes_later) * MINUTE) == minute * MINUTE


@often
@given(contexts)
def test_every_cryptogram_is_verified_once(environment: Environment, context: CryptogramContext) -> None:
    _, presentation = a_cryptogram(environment, context)
    assert environment.verify(presentation) is Outcome.VERIFIED
    assert environment.verify(presentation) is Outcome.REPLAYED


@often
@given(contexts, st.integers(0, 19), st.integers(1, 255))
def test_no_altered_byte_is_verified(
    environment: Environment, context: CryptogramContext, index: int, mask: int
) -> None:
    made, presentation = a_cryptogram(environment, context)
    packed = bytearray(base64.b64decode(made.value.reveal()))
    packed[index] ^= mask
    altered = replace(presentation, cryptogram=Secret(base64.b64encode(packed).decode()))
    assert environment.verify(altered) in {Outcome.FORGED, Outcome.EXPIRED, Outcome.MALFORMED}
    assert environment.verify(presentation) is Outcome.VERIFIED


@often
@given(contexts, st.data())
def test_no_altered_field_is_verified(
    environment: Environment, context: CryptogramContext, data: st.DataObject
) -> None:
    _, presentation = a_cryptogram(environment, context)
    other_fields: dict[str, st.SearchStrategy[Any]] = {
        "token_pan": st.builds(NetworkToken, st.text(digits, min_size=14, max_size=19)),
        "token_expiry": st.builds(Expiry, st.integers(2000, 2999), st.integers(1, 12)),
        "trid": st.text(digits, min_size=11, max_size=11),
        "merchant_id": st.text(max_size=30),
    }
    if context.amount:
        other_fields["amount"] = st.none() | amounts
    name = data.draw(st.sampled_from(sorted(other_fields)))
    value = data.draw(other_fields[name])
    assume(value != getattr(presentation, name))
    assert environment.verify(replace(presentation, **{name: value})) not in {Outcome.VERIFIED, Outcome.REPLAYED}
    assert environment.verify(presentation) is Outcome.VERIFIED


@often
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.none() | st.text(max_size=20))
def test_every_presentation_has_an_outcome(
    environment: Environment, token_pan: str, text: str, merchant_id: str, trid: str | None
) -> None:
    presentation = Presentation(NetworkToken(token_pan), Secret(text), merchant_id, trid=trid)
    assert environment.verify(presentation) is not Outcome.VERIFIED


def _padded(subject: Subject) -> tuple[object, ...]:
    """Return a subject as the code authenticates it: without leading zeros, and without an amount as an amount of 0."""
    token_pan, yymm, trid, merchant_id, amount = subject
    return (
        int(token_pan.reveal()),
        yymm,
        trid,
        merchant_id,
        (amount.minor_units, int(amount.currency)) if amount else (0, 0),
    )
