"""Makes the calls of a scenario with the official Python SDK and tells what came back.

Runs inside the SDK's own environment and imports nothing of ours. One JSON scenario a line on stdin, one JSON list of
outcomes a line on stdout, so that one process serves many tests: importing the SDK takes most of a second.
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

# The ways of calling that every generation of the SDK has, by the keyword that asks for each.
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
Configuration = importlib.import_module("cashfree_pg.configuration").Configuration
ApiException = importlib.import_module("cashfree_pg.exceptions").ApiException


class Answer(Protocol):
    """What the SDK gives back for a call that succeeded."""

    status_code: int
    headers: dict[str, str]
    data: object
    raw_data: str | bytes


def main() -> None:
    """Answers scenarios until stdin ends."""
    for line in sys.stdin:
        scenario = json.loads(line)
        point_at(scenario["base_url"])
        sys.stdout.write(json.dumps([outcome(step) for step in scenario["steps"]]) + "\n")
        sys.stdout.flush()


def point_at(base_url: str) -> None:
    """Sends the SDK to `base_url`: its hosts are fixed, and this property is the one place that all versions ask."""
    Configuration.host = property(lambda _: base_url, lambda _, __: None)


def outcome(step: Json) -> Json:
    """Makes one call and describes what the SDK returned or raised."""
    try:
        return returned(call(step))
    except ApiException as error:
        return raised(error, status=error.status, headers=lowered(error.headers), body=json.loads(error.body))
    except Exception as error:  # noqa: BLE001  whatever a merchant's code would meet is the outcome
        return raised(error, status=None, headers={}, body=str(error))


def call(step: Json) -> object:
    """Makes one call in the style that the step asks for."""
    style = step.get("style", "plain")
    method = getattr(client(step), METHODS[step["call"]])
    result = method(*arguments(step), **keywords(step), **STYLES[style])
    return result.get(TIMEOUT_SECONDS) if style == "async" else result


def client(step: Json) -> object:
    """Gives the SDK's object, configured the way of its generation."""
    if GENERATION <= LAST_WITH_CLASS_CONFIGURATION:
        Cashfree.XClientId = step["client_id"]
        Cashfree.XClientSecret = step["client_secret"]
        Cashfree.XEnvironment = Cashfree.SANDBOX
        return Cashfree()
    cashfree = Cashfree(Cashfree.SANDBOX, XClientId=step["client_id"], XClientSecret=step["client_secret"])
    if "version" in step:
        cashfree.XApiVersion = step["version"]
    return cashfree


def arguments(step: Json) -> list[str]:
    """Orders the arguments as merchants write them: by place, the version first where the generation has it."""
    version = [step.get("version", DEFAULT_VERSION)] if GENERATION <= LAST_WITH_VERSION_ARGUMENT else []
    return [*version, step["customer_id"], step["which"]]


def keywords(step: Json) -> Json:
    """Collects the optional headers of the step; never wait for ever, as the SDK does by itself."""
    named = {"x_request_id": step.get("request_id"), "x_idempotency_key": step.get("idempotency_key")}
    return {name: value for name, value in named.items() if value} | {"_request_timeout": TIMEOUT_SECONDS}


def returned(result: Any) -> Json:
    """Describes a returned value: an answer with its model, or the bare model."""
    if not hasattr(result, "status_code"):
        return {"status": None, "error": None, "headers": {}, "body": None, **described(result)}
    answer: Answer = result
    shown = {"status": answer.status_code, "error": None, "headers": lowered(answer.headers)}
    return {**shown, "body": json.loads(answer.raw_data), **described(answer.data)}


def raised(error: Exception, **seen: object) -> Json:
    """Describes an exception by the name that a merchant would catch."""
    return {"error": type(error).__name__, "model": None, "fields": None, **seen}


def described(data: Any) -> Json:
    """Names the model and spells its fields as the SDK does."""
    if isinstance(data, list):
        models = {type(entity).__name__ for entity in data}
        return {"model": " ".join(sorted(models)), "fields": [entity.to_dict() for entity in data]}
    return {"model": type(data).__name__, "fields": data.to_dict() if data is not None else None}


def lowered(headers: dict[str, str]) -> dict[str, str]:
    """Gives the headers under lower-case names."""
    return {name.lower(): value for name, value in headers.items()}


if __name__ == "__main__":
    main()
