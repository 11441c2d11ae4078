"""The generated models and methods: fresh, and with the fields and parameters of the official package."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
from functools import cache
from typing import Any

import pytest

from cashfree_pg import Cashfree, models
from cashfree_pg.models import _payments
from cashfree_pg.models._model import Model
from tests.client.recording_server import recording_server
from tests.conformance.environments import python_environment
from tokenvault_client import integration
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tools import cashfree_models

RELEASES = ("4.5.1", "5.0.5", "6.0.1")
CARD = {"card_number": "4706131211212123", "card_cvv": "123", "card_expiry_mm": "03", "card_expiry_yy": "29"}

DESCRIBE = """
import inspect, json, sys, warnings
warnings.simplefilter("ignore")
from cashfree_pg import models
from cashfree_pg.api_client import Cashfree
names, methods = json.loads(sys.argv[1])
def fields(model):
    return list(getattr(model, "model_fields", None) or model.__fields__)
def parameters(method):
    return [name for name in inspect.signature(getattr(Cashfree, method)).parameters if name not in {"self", "kwargs"}]
print(json.dumps({
    "models": {name: fields(getattr(models, name)) for name in names if hasattr(models, name)},
    "methods": {name: parameters(name) for name in methods},
}))
"""


@cache
def official(release: str) -> dict[str, Any]:
    """Return the fields of the official models, and the parameters of the official methods."""
    wanted = json.dumps([_payments.__all__, [operation.name for operation in PAYMENT_OPERATIONS]])
    command = [str(python_environment(release)), "-I", "-W", "ignore", "-c", DESCRIBE, wanted]
    described = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answer: dict[str, Any] = json.loads(described)
    return answer


def test_the_generated_files_are_up_to_date() -> None:
    texts = cashfree_models.formatted(cashfree_models.files())
    assert [path.name for path, text in texts.items() if path.read_text("utf-8") != text] == [], "run `make reference`"


@pytest.mark.parametrize("release", RELEASES)
def test_every_official_field_is_in_our_models(release: str) -> None:
    missing = {}
    for name, fields in official(release)["models"].items():
        if name in cashfree_models.BY_HAND:
            continue
        own = set(getattr(models, name).model_fields)
        if lost := [field for field in fields if field not in own]:
            missing[name] = lost
    assert missing == {}


def test_no_model_has_an_unofficial_name() -> None:
    known = {name for release in RELEASES for name in official(release)["models"]}
    assert set(_payments.__all__) - known == set()


@pytest.mark.parametrize("release", RELEASES)
def test_methods_have_the_official_parameters_in_their_order(release: str) -> None:
    for operation in PAYMENT_OPERATIONS:
        ours = list(integration.parameters(operation))
        theirs = [name for name in official(release)["methods"][operation.name] if name not in BROWSER]
        assert theirs == (ours[1:] if release == "6.0.1" else ours)


BROWSER = {"x_client_device", "x_client_os", "x_client_rendering_type", "x_client_browser"}
"""The last four parameters of `PGPayOrder` in 6.x, which the drop-in does not have."""


@pytest.mark.parametrize("operation", PAYMENT_OPERATIONS, ids=lambda operation: operation.key)
def test_every_operation_has_its_method(operation: Any) -> None:
    assert inspect.getdoc(getattr(Cashfree, operation.name)) == operation.description


def test_a_payment_is_started_without_credentials_and_with_the_card() -> None:
    with recording_server() as server:
        api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
        request = payment_request()
        api.PGPayOrder(request)
        sent = server.requests[0]
    assert "x-client-secret" not in dict(sent.headers)
    assert json.loads(sent.body)["payment_method"]["card"] == {"channel": "post", **CARD}


def test_no_card_number_is_printed_or_pickled() -> None:
    request = payment_request()
    card = request.payment_method.actual_instance.card
    for each in (request, request.payment_method, card):
        assert "4706" not in repr(each)
    with pytest.raises(TypeError):
        pickle.dumps(card)


def test_a_payment_of_either_generation_shows_its_card() -> None:
    payment = models.PaymentEntity.from_dict({"payment_method": {"card": {"instrument_id": "i1"}}})
    assert payment.payment_method is not None
    assert payment.payment_method["card"]["instrument_id"] == "i1"  # 4.x, 5.x
    assert payment.payment_method.actual_instance.card.instrument_id == "i1"  # 6.x
    assert payment.to_dict() == {"payment_method": {"card": {"instrument_id": "i1"}}}


def test_an_event_about_a_refund_is_read_with_its_numbers() -> None:
    event = {"data": {"refund": {"cf_refund_id": 11325632, "refund_amount": 2.0, "entity": "Refund"}}, "type": "t"}
    read = models.RefundWebhook.from_dict(event)
    assert isinstance(read, Model)
    assert read.to_dict() == event


def payment_request() -> models.PayOrderRequest:
    """Return a request as merchants write it for the official package."""
    method = models.PayOrderRequestPaymentMethod(
        models.CardPaymentMethod(card=models.Card.from_dict({"channel": "post", **CARD}))
    )
    return models.PayOrderRequest(payment_session_id="session_x", payment_method=method)
