"""What the Python SDKs make of our answers: their models, and their other ways of calling."""

import pytest

from tests.conformance.official import PYTHON_RELEASES, Outcome, Release, Sdk
from tests.conformance.lifecycle import Story
from tests.support.http_client import Json

pytestmark = pytest.mark.parametrize("release", PYTHON_RELEASES, ids=lambda release: release.name)


def test_every_answer_becomes_the_model_of_its_generation(story: Story, release: Release) -> None:
    made = (story.listed.model, story.fetched.model, story.deleted.model)
    assert made == release.models
    assert story.cryptogram.model == "CryptogramEntity"


def test_a_model_holds_what_the_wire_said(story: Story) -> None:
    for outcome in (story.listed, story.fetched, story.cryptogram, story.deleted):
        assert_within(outcome.fields, outcome.body)


def test_a_raw_call_gives_the_bytes_without_a_model(sdk: Sdk, kept_card: Json) -> None:
    raw, plain = both(sdk, kept_card, "raw")
    assert (raw.status, raw.fields, raw.body) == (200, None, plain.body)


def test_a_raw_call_gives_the_headers(sdk: Sdk, kept_card: Json) -> None:
    raw = sdk.fetch_instrument(kept_card["customer_id"], kept_card["instrument_id"], style="raw", request_id="raw-1")
    assert raw.headers["x-request-id"] == "raw-1"


def test_an_async_call_gives_the_same_answer(sdk: Sdk, kept_card: Json) -> None:
    deferred, plain = both(sdk, kept_card, "async")
    assert (deferred.status, deferred.model, deferred.fields) == (200, plain.model, plain.fields)


def test_an_async_call_raises_the_same_exception(sdk: Sdk, customer: str) -> None:
    refused = sdk.fetch_instrument(customer, "nobody", style="async")
    assert (refused.status, refused.error) == (404, "NotFoundException")


def test_a_call_for_the_model_alone_gives_it(sdk: Sdk, kept_card: Json) -> None:
    alone, plain = both(sdk, kept_card, "model_only")
    assert (alone.model, alone.fields) == (plain.model, plain.fields)


def both(sdk: Sdk, instrument: Json, style: str) -> list[Outcome]:
    """Fetches the instrument in `style` and then plainly."""
    step = sdk.step("fetch_instrument", instrument["customer_id"], instrument["instrument_id"])
    return sdk.run([{**step, "style": style}, step])


def assert_within(fields: object, body: object) -> None:
    """Checks that each field a model has is the wire's; older models lack newer fields and drop null ones."""
    match fields, body:
        case dict(), dict():
            for name, value in fields.items():
                assert_within(value, body[name])
        case list(), list():
            assert len(fields) == len(body)
            for entity, sent in zip(fields, body, strict=True):
                assert_within(entity, sent)
        case _:
            assert fields == body
