"""Every failure that a server or a caller can provoke, as functions that raise it. The secrets are in `SECRETS`.

`python -m tests.client.failures` reports all of them to Sentry with its defaults, and prints the events.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, cast

from tests.client.faulty_server import CHUNKED, Fault, faulty_server, resets, response, sends, stalls
from tests.client.recording_transport import RecordingTransport
from tests.client.transports import SYNC_TRANSPORTS, ClientOptions, call
from tokenvault_client import Card, Client, Consent, webhooks
from tokenvault_client.transports import Connecting

SECRETS: Final = {
    "api secret": "tvsk_0f9d7c1be2a84d55",
    "partner key": "tvpk_77b1d09c3e5f4a21",
    "card": "4706131211212123",
    "token": "4491365621601472",
    "cryptogram": "AQBBBBBBZatIlaIAmWKSghwBBBB=",
    "gateway": "Bearer-5b1f2f3c9a7e4d60",
}
Failure = Callable[[], object]

CARD: Final = {"card_number": SECRETS["card"], "card_expiry_mm": "03", "card_expiry_yy": "2031"}
CONSENT: Final = Consent(given_at="2026-11-22T10:00:00+05:30", text_version="v1")
CRYPTOGRAM: Final = {
    "instrument_id": "i1",
    "token_requestor_id": "22457512314",
    "card_number": SECRETS["token"],
    "card_expiry_mm": "06",
    "card_expiry_yy": "2031",
    "cryptogram": SECRETS["cryptogram"],
}
BODY: Final = json.dumps(CRYPTOGRAM).encode()
MANGLED: Final = json.dumps(CRYPTOGRAM | {"instrument_id": 7.5}).encode()
ERROR: Final = json.dumps({"message": "no", "code": "c", "type": "t"}).encode()

WITH_CRYPTOGRAM: Final[dict[str, Fault]] = {
    "a truncated answer": sends(response(BODY, length=len(BODY) + 9)),
    "a stall in the body": stalls(response(BODY, length=len(BODY) + 9)),
    "a broken chunk": sends(CHUNKED, b"%x\r\n%s\r\nzz\r\n" % (len(BODY), BODY)),
    "an answer that is no API": sends(response(MANGLED)),
    "an answer that is no JSON": sends(response(BODY[:-1])),
    "an answer that is no text": sends(response(BODY[:-1] + b"\xff\xfe")),
    "a 409 with a cryptogram": sends(response(BODY, status="409 Conflict")),
    "a 502 that is no JSON": sends(response(BODY[:-1], status="502 Bad")),
}
"""Faults of a server whose answer contains a cryptogram."""
FAULTS: Final[Mapping[str, Fault]] = WITH_CRYPTOGRAM | {
    "closes": sends(),
    "resets": resets(),
    "silence": stalls(),
    "a 404": sends(response(ERROR, status="404 Not Found")),
    "a 500": sends(response(ERROR, status="500 Oops")),
}


def options(base_url: str, **more: Any) -> ClientOptions:
    short = ClientOptions(base_url=base_url, client_id="me", timeout=0.3, max_retries=0)
    return cast("ClientOptions", {**short, "client_secret": SECRETS["api secret"], **more})


def enrol(transport: str, base_url: str, **more: Any) -> object:
    card = Card(**CARD)
    return call(
        transport, options(base_url, **more), "enrol_instrument", "asha", card, afa_reference="7", consent=CONSENT
    )


def fetch_cryptogram(transport: str, base_url: str, **more: Any) -> object:
    return call(transport, options(base_url, **more), "fetch_cryptogram", "asha", "i1")


def network_failures(transport: str) -> Iterator[tuple[str, Failure]]:
    """Yield the failures of one transport, each while its server runs."""
    for fault, serve in FAULTS.items():
        with faulty_server(serve) as base_url:
            yield fault, partial(fetch_cryptogram if fault in WITH_CRYPTOGRAM else enrol, transport, base_url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    yield "connection refused", partial(enrol, transport, f"http://127.0.0.1:{port}/pg")
    yield "an unknown name", partial(enrol, transport, "https://unknown.invalid/pg")
    with faulty_server(sends(b"no TLS here")) as base_url:
        yield "a TLS failure", partial(enrol, transport, base_url.replace("http:", "https:"))


class Interrupted(RecordingTransport):
    """Is interrupted while it sends."""

    def send(self, request: Any, seconds: float) -> Any:
        headers, body = request.headers, request.body
        assert headers
        assert body
        raise KeyboardInterrupt


class Failing(RecordingTransport):
    """Fails with secrets in its own variables."""

    def send(self, request: Any, seconds: float) -> Any:
        headers, body = dict(request.headers), request.body
        raise RuntimeError(f"a bug, with {len(headers)} headers and {len(body or '')} bytes")


def client(transport: Any = None, **more: Any) -> Client:
    return Client(transport=transport or RecordingTransport(), **options("https://vault.test/pg", **more))


def fail_in_callback(base_url: str) -> object:
    def on_retry(retry: object) -> None:
        raise RuntimeError("a bug in a callback")

    def enrol_over(transport: str) -> object:
        with Client(
            transport=SYNC_TRANSPORTS[transport](Connecting()), on_retry=on_retry, **options(base_url, max_retries=1)
        ) as vault:
            return vault.enrol_instrument("asha", Card(**CARD), afa_reference="7", consent=CONSENT)

    return enrol_over("http1")


def enrol_with(vault: Client, customer: Any = "asha", card: Any = None, **more: Any) -> object:
    arguments: dict[str, Any] = {"afa_reference": "7", "consent": CONSENT} | more
    return vault.enrol_instrument(customer, card or Card(**CARD), **arguments)


def verify(secrets: Any, *, body: Any = b"{}", headers: Any = None, **more: Any) -> object:
    return webhooks.verify(body, headers or webhooks.sign_for_test(b"{}", "another"), secrets, **more)


def usage_failures() -> Iterator[tuple[str, Failure]]:
    """Yield failures that happen before or after anything is sent."""
    secret, partner = SECRETS["api secret"], SECRETS["partner key"]
    url = "https://vault.test/pg"
    environ = {"CASHFREE_BASE_URL": "http://vault.test", "CASHFREE_CLIENT_ID": "me", "CASHFREE_CLIENT_SECRET": secret}
    gateway = {"x-gateway": SECRETS["gateway"]}
    with faulty_server(FAULTS["closes"]) as base_url:
        yield "a callback", partial(fail_in_callback, base_url)
    yield "plain http", partial(client, base_url="http://vault.test/pg")
    yield "too many credentials", partial(client, partner_api_key=partner)
    yield "no header", partial(client, client_secret=f"{secret}\n")
    yield (
        "a key that is none",
        partial(Client, base_url=url, client_id="me", client_public_key=f"-----BEGIN PUBLIC KEY-----\n{secret}"),
    )
    yield "an unreadable file", partial(client, ca_file="/nonexistent")
    yield "an invalid timeout", partial(client, timeout=-1)
    yield "an invalid environment", partial(Client.from_env, environ)
    yield "invalid options", partial(client(headers=gateway).with_options, timeout=-1)
    yield "invalid headers", partial(client(headers=gateway).with_options, headers={"x-b": f"{secret}\n"})
    yield "an invalid id", partial(enrol_with, client(headers=gateway), "..")
    yield "an invalid request id", partial(enrol_with, client(headers=gateway), request_id="a\nb")
    yield "an interrupt", partial(enrol_with, client(Interrupted(), headers=gateway))
    yield "a transport of a user", partial(enrol_with, client(Failing(), headers=gateway))
    yield "a wrong secret of a webhook", partial(verify, secret)
    yield "wrong secrets of a webhook", partial(verify, [secret, partner])
    yield "an empty secret of a webhook", partial(verify, [secret, ""])
    yield "a webhook as text", partial(verify, secret, body="{}")
    yield "an old webhook", partial(verify, secret, headers=webhooks.sign_for_test(b"{}", secret, at=0))


def raised_by(failure: Failure) -> BaseException:
    """Return what a failure raises."""
    try:
        failure()
    except BaseException as error:  # noqa: BLE001  # an interrupt is one of them
        return error
    raise AssertionError("nothing failed")


def failures_for_sentry() -> Iterator[Failure]:
    for transport in ("http1", "http1 async"):
        yield from (failure for _, failure in network_failures(transport))
    yield from (failure for _, failure in usage_failures())


def main() -> None:
    """Report every failure, and print each with its event."""
    import sentry_sdk
    from sentry_sdk.envelope import Envelope
    from sentry_sdk.transport import Transport

    events: list[Any] = []

    class LocalTransport(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            events.append([item.payload.json for item in envelope.items])

    sentry_sdk.init(dsn="https://public@127.0.0.1/1", transport=LocalTransport, attach_stacktrace=True)
    for failure in failures_for_sentry():
        sentry_sdk.capture_exception(raised_by(failure))
    sys.stdout.write(json.dumps(events, default=repr))


if __name__ == "__main__":
    main()
