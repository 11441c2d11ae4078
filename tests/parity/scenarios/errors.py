"""Calls that the vault rejects."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import CRYPTOGRAM, DELETE, FETCH, LIST, each, key, scenario, second_argument
from tests.parity.styles import Sdk


@each("wrong secret, {}", [LIST, FETCH, DELETE, CRYPTOGRAM])
def wrong_secret(sdk: Sdk, method: str) -> Any:
    by = sdk.create_cashfree(XClientId=sdk.settings.client_id, XClientSecret="wrong")
    return sdk.vault(
        method, sdk.settings.customer, second_argument(sdk, method), by=by, x_idempotency_key=key(sdk, "wrong")
    )


@each("not found, {}", [FETCH, DELETE, CRYPTOGRAM])
def not_found(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.settings.customer, "nobody", x_idempotency_key=key(sdk, method))


@scenario("another type of instrument")
def another_type(sdk: Sdk) -> Any:
    return sdk.vault(LIST, sdk.settings.customer, "bank")


@scenario("an unknown version")
def unknown_version(sdk: Sdk) -> Any:
    return sdk.vault(LIST, sdk.settings.customer, "card", version="1999-01-01")


@scenario("a key for two calls")
def key_for_two(sdk: Sdk) -> Any:
    sdk.vault(CRYPTOGRAM, sdk.settings.customer, sdk.settings.instrument, x_idempotency_key=key(sdk, "twice"))
    return sdk.vault(
        DELETE, sdk.settings.deleting_customer, sdk.settings.cards_to_delete[2], x_idempotency_key=key(sdk, "twice")
    )
