"""A program that makes calls and verifies webhook deliveries with the official Python SDK.

It runs inside the environment of the SDK and imports nothing of this repository. Each line of stdin is a JSON object:
`{"base_url", "steps"}` makes calls and returns a list of outcomes, `{"delivery"}` verifies a delivery. A step names one
of the four vault calls, or any method of the SDK with its arguments. Each result is a line of JSON on stdout. One
process serves many tests, because importing the SDK takes most of a second.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from typing import Any, Protocol

METHODS = {
    "fetch_instruments": "PGCustomerFetchInstruments",
    "fetch_instrument": "PGCustomerFetchInstrument",
    "delete_instrument": "PGCustomerDeleteInstrument",
    "fetch_cryptogram": "PGCustomerInstrumentsFetchCryptogram",
}

# The calling styles of every generation of the SDK, by their keywords.
STYLES: dict[str, dict[str, bool]] = {
    "plain": {},
    "async": {"async_req": True},
    "raw": {"_preload_content": False},
    "model_only": {"_return_http_data_only": True},
}

GENERATION = int(importlib.metadata.version("cashfree_pg").split(".")[0])
LAST_WITH_CLASS_CONFIGURATION = 4
LAST_WITH_VERSION_ARGUMENT = 5
DEFAULT_VERSION = "2023-08-01"
TIMEOUT_SECONDS = 10

Json = dict[str, Any]

Cashfree = importlib.import_module("cashfree_pg.api_client").Cashfree
models = importlib.import_module("cashfree_pg.models")
Configuration = importlib.import_module("cashfree_pg.configuration").Configuration
ApiException = importlib.import_module("cashfree_pg.exceptions").ApiException


class Response(Protocol):
    """The response of the SDK to a successful call."""

    status_code: int
    headers: dict[str, str]
    data: object
    raw_data: str | bytes


def main() -> None:
    """Process the lines of stdin until it ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(result_of(json.loads(line)), default=str) + "\n")
        sys.stdout.flush()


def result_of(message: Json) -> object:
    """Return the result of one line."""
    if "delivery" in message:
        return verified(message["delivery"])
    set_address(message["base_url"])
    return [outcome(step) for step in message["steps"]]


def verified(delivery: Json) -> Json:
    """Verify a webhook delivery, and return its event or the message of the error."""
    try:
        event = client({"client_id": "id", "client_secret": delivery["secret"]}).PGVerifyWebhookSignature(
            delivery["signature"], delivery["body"], delivery["timestamp"]
        )
    except Exception as error:  # noqa: BLE001  # the SDK raises bare exceptions
        return {"type": None, "object": None, "error": str(error)}
    return {"type": event.type, "object": event.object, "error": None}


def set_address(base_url: str) -> None:
    """Send all calls to `base_url`. The hosts of the SDK are fixed, but all its versions read this property."""
    Configuration.host = property(lambda _: base_url, lambda _, __: None)


def outcome(step: Json) -> Json:
    """Make one call, and describe the result or the exception."""
    try:
        return returned(call(step))
    except ApiException as error:
        return raised(error, status=error.status, headers=lowercase(error.headers), body=json.loads(error.body))
    except Exception as error:  # noqa: BLE001  # every exception is an outcome for a merchant
        return raised(error, status=None, headers={}, body=str(error))


def call(step: Json) -> object:
    """Make one call in the style of the step."""
    style = step.get("style", "plain")
    method = getattr(client(step), step.get("method") or METHODS[step["call"]])
    result = method(*arguments(step), **keywords(step), **STYLES[style])
    return result.get(TIMEOUT_SECONDS) if style == "async" else result


def client(step: Json) -> Any:  # the SDK has no types
    """Return the object of the SDK, configured as its generation requires."""
    if GENERATION <= LAST_WITH_CLASS_CONFIGURATION:
        Cashfree.XClientId = step["client_id"]
        Cashfree.XClientSecret = step["client_secret"]
        Cashfree.XEnvironment = Cashfree.SANDBOX
        return Cashfree()
    cashfree = Cashfree(Cashfree.SANDBOX, XClientId=step["client_id"], XClientSecret=step["client_secret"])
    if "version" in step:
        cashfree.XApiVersion = step["version"]
    return cashfree


def arguments(step: Json) -> list[Any]:
    """Return the positional arguments. Older generations take the version first."""
    version = [step.get("version", DEFAULT_VERSION)] if GENERATION <= LAST_WITH_VERSION_ARGUMENT else []
    if "method" in step:
        return [*version, *map(built, step["arguments"])]
    return [*version, step["customer_id"], step["second"]]


def built(value: Any) -> Any:
    """Build the models of an argument: `{"model", "fields"}`, or `{"model", "of"}` for one that wraps another."""
    if isinstance(value, dict) and "model" in value:
        model = getattr(models, value["model"])
        return model(built(value["of"])) if "of" in value else model(**built(value["fields"]))
    if isinstance(value, dict):
        return {name: built(each) for name, each in value.items()}
    return value


def keywords(step: Json) -> Json:
    """Return the optional arguments, and a timeout: the SDK itself has none."""
    named = {"x_request_id": step.get("request_id"), "x_idempotency_key": step.get("idempotency_key")}
    return {name: value for name, value in named.items() if value} | {"_request_timeout": TIMEOUT_SECONDS}


def returned(result: Any) -> Json:
    """Describe a result: a response with its model, or only the model."""
    if not hasattr(result, "status_code"):
        return {"status": None, "error": None, "headers": {}, "body": None, **described(result)}
    response: Response = result
    shown = {"status": response.status_code, "error": None, "headers": lowercase(response.headers)}
    return {**shown, "body": json.loads(response.raw_data), **described(response.data)}


def raised(error: Exception, **seen: object) -> Json:
    """Describe an exception by the name of its class."""
    return {"error": type(error).__name__, "model": None, "fields": None, **seen}


def described(data: Any) -> Json:
    """Return the name of the model, and its fields as the SDK converts them."""
    if isinstance(data, list):
        models = {type(entity).__name__ for entity in data}
        return {"model": " ".join(sorted(models)), "fields": [entity.to_dict() for entity in data]}
    return {"model": type(data).__name__, "fields": data.to_dict() if data is not None else None}


def lowercase(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers with names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


if __name__ == "__main__":
    main()
