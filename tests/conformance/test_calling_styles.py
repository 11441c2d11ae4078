"""The Python SDKs: the models of their results, and their other calling styles."""

import pytest

from tests.conformance.lifecycle import CardLifecycle
from tests.conformance.official import PYTHON_RELEASES, Outcome, Release, Sdk
from tests.support.http_client import Json

pytestmark = pytest.mark.parametrize("release", PYTHON_RELEASES, ids=lambda release: release.name)


def test_every_result_has_the_model_of_its_generation(lifecycle: CardLifecycle, release: Release) -> None:
    models = (lifecycle.listed.model, lifecycle.fetched.model, lifecycle.deleted.model)
    assert models == release.models
    assert lifecycle.cryptogram.model == "CryptogramEntity"


def test_a_model_contains_the_values_of_the_body(lifecycle: CardLifecycle) -> None:
    for outcome in (lifecycle.listed, lifecycle.fetched, lifecycle.cryptogram, lifecycle.deleted):
        assert_within(outcome.fields, outcome.body)


def test_a_raw_call_returns_the_body_without_a_model(sdk: Sdk, kept_card: Json) -> None:
    raw, plain = both(sdk, kept_card, "raw")
    assert (raw.status, raw.fields, raw.body) == (200, None, plain.body)


def test_a_raw_call_returns_the_headers(sdk: Sdk, kept_card: Json) -> None:
    raw = sdk.fetch_instrument(kept_card["customer_id"], kept_card["instrument_id"], style="raw", request_id="raw-1")
    assert raw.headers["x-request-id"] == "raw-1"


def test_an_async_call_returns_the_same_result(sdk: Sdk, kept_card: Json) -> None:
    deferred, plain = both(sdk, kept_card, "async")
    assert (deferred.status, deferred.model, deferred.fields) == (200, plain.model, plain.fields)


def test_an_async_call_raises_the_same_exception(sdk: Sdk, customer: str) -> None:
    failed = sdk.fetch_instrument(customer, "nobody", style="async")
    assert (failed.status, failed.error) == (404, "NotFoundException")


def test_a_call_can_return_only_the_model(sdk: Sdk, kept_card: Json) -> None:
    model_only, plain = both(sdk, kept_card, "model_only")
    assert (model_only.model, model_only.fields) == (plain.model, plain.fields)


def both(sdk: Sdk, instrument: Json, style: str) -> list[Outcome]:
    """Fetch the instrument in `style`, and then in the default style."""
    step = sdk.step("fetch_instrument", instrument["customer_id"], instrument["instrument_id"])
    return sdk.run([{**step, "style": style}, step])


def assert_within(fields: object, body: object) -> None:
    """Check that each field of a model has the value of the body. Older models lack newer fields and null ones."""
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
