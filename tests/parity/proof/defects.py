"""The defects of the official SDK, with one function for each: it runs a program and returns a verdict.

The same function judges every SDK, by the requests that a server receives and not by what the SDK reports. The servers
listen on loopback, with real sockets and real TLS.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from packaging.requirements import Requirement

from tests.client.authority import Authority
from tests.client.faulty_server import faulty_server
from tests.client.recording_server import RecordedRequest, recording_server
from tests.parity.proof.sdks import Result, Sdk
from tokenvault_contract import headers as names

PATIENCE_SECONDS = 17.0
"""This is longer than the default timeout of Tokenvault's SDKs, which is 15 seconds."""
ROUNDS = 3
"""Threads mix up credentials by chance: in about 30 of 1,600 calls on two cores."""


class Verdict(NamedTuple):
    """Whether the behaviour of an SDK is right, and what the server observed."""

    right: bool
    seen: str


Defect = Callable[[Sdk], Verdict]


def untrusted_certificate(sdk: Sdk) -> Verdict:
    """A server presents a certificate of an unknown authority."""
    with TemporaryDirectory() as folder, recording_server(tls=Authority(Path(folder)).server()) as server:
        result = sdk.run("fetch", server.base_url)
    return _no_secret(server.requests, result)


def credentials_in_threads(sdk: Sdk, rounds: int = ROUNDS) -> Verdict:
    """Four merchants make calls in four threads, each with its own client."""
    with recording_server() as server:
        for _ in range(rounds):
            sdk.run("threads", server.base_url)
            if not _not_mixed_up(server.requests).right:
                break
    return _not_mixed_up(server.requests)


def credentials_in_background(sdk: Sdk) -> Verdict:
    """Four merchants make calls at the same time, with `async_req` or in tasks."""
    with recording_server() as server:
        sdk.run("in_background", server.base_url)
    return _not_mixed_up(server.requests)


def partner_headers(sdk: Sdk) -> Verdict:
    """A partner authenticates for a merchant."""
    with recording_server() as server:
        result = sdk.run("as_partner", server.base_url)
    return _authenticated(server.requests, result, {names.PARTNER_API_KEY, names.PARTNER_MERCHANT_ID})


def signature_header(sdk: Sdk) -> Verdict:
    """A merchant authenticates with a signature instead of a secret."""
    with recording_server() as server:
        result = sdk.run("signed", server.base_url)
    return _authenticated(server.requests, result, {names.CLIENT_ID, names.CLIENT_SIGNATURE})


def list_url(sdk: Sdk) -> Verdict:
    """A merchant fetches all saved cards of a customer."""
    with recording_server() as server:
        sdk.run("fetch_all", server.base_url)
    _, _, query = server.requests[0].target.partition("?")
    return Verdict(query == "instrument_type=card", f"sends ?{query}")


def dots_as_id(sdk: Sdk) -> Verdict:
    """An id is `..`, as a form of a website may send it."""
    with recording_server() as server:
        result = sdk.run("delete_of_dots", server.base_url)
    if server.requests:
        return Verdict(right=False, seen=f"sends {server.requests[0].method} {server.requests[0].target}")
    return Verdict(right=True, seen=f"{result}, nothing sent")


def hidden_repeats(sdk: Sdk) -> Verdict:
    """The connection breaks after a DELETE was sent, so the client cannot know whether the server acted."""
    with recording_server(status=None) as server:
        sdk.run("delete", server.base_url)
    keys = {dict(request.headers).get(names.IDEMPOTENCY_KEY) for request in server.requests}
    times = f"sent {len(server.requests)} times"
    if len(server.requests) > 1 and (None in keys or len(keys) > 1):
        return Verdict(right=False, seen=f"{times}, without an idempotency key")
    return Verdict(right=True, seen=f"{times}, with one idempotency key: it acts once")


def secret_after_redirect(sdk: Sdk) -> Verdict:
    """A server redirects to another server."""
    with recording_server() as other, recording_server(status=307, headers={"location": other.base_url}) as server:
        result = sdk.run("fetch", server.base_url)
    return _no_secret(other.requests, result)


def no_timeout(sdk: Sdk, patience: float = PATIENCE_SECONDS) -> Verdict:
    """A server accepts a call and never responds, and the caller has set no timeout."""
    received = threading.Event()

    def silent(connection: socket.socket) -> None:
        received.set()
        connection.recv(1)

    with faulty_server(silent) as base_url:
        result = sdk.run("fetch", base_url, seconds=patience, after=received)
    if result is None:
        return Verdict(right=False, seen=f"still waiting after {patience:.0f} s")
    return Verdict(right=result.raised is not None, seen=f"{result} after {result.seconds:.1f} s")


def pinned_urllib3(sdk: Sdk) -> Verdict:
    """Another package of the same program needs a current urllib3."""
    pinned = [need for need in map(Requirement, sdk.requires()) if need.name == "urllib3"]
    wanted = version("urllib3")
    conflicts = [need for need in pinned if not need.specifier.contains(wanted)]
    if conflicts:
        return Verdict(right=False, seen=f"needs {conflicts[0]}, so {wanted} cannot be installed beside it")
    return Verdict(right=True, seen=f"allows any release: {wanted} can be installed beside it")


DEFECTS: tuple[Defect, ...] = (
    untrusted_certificate,
    credentials_in_threads,
    credentials_in_background,
    partner_headers,
    signature_header,
    list_url,
    dots_as_id,
    hidden_repeats,
    secret_after_redirect,
    no_timeout,
    pinned_urllib3,
)


def _no_secret(requests: list[RecordedRequest], result: Result | None) -> Verdict:
    if any(name == names.CLIENT_SECRET for request in requests for name, _ in request.headers):
        return Verdict(right=False, seen=f"sends {names.CLIENT_SECRET} there")
    return Verdict(right=not requests, seen=f"{result}, nothing sent")


def _not_mixed_up(requests: list[RecordedRequest]) -> Verdict:
    """Compare the last characters of customer, id and secret, which are the number of the merchant."""
    mixed_up = 0
    for request in requests:
        headers = dict(request.headers)
        numbers = (request.target.split("/")[3][-1], headers[names.CLIENT_ID][-1], headers[names.CLIENT_SECRET][-1])
        mixed_up += len(set(numbers)) > 1
    return Verdict(right=bool(requests) and not mixed_up, seen=f"mixed up in {mixed_up:,} of {len(requests):,} calls")


def _authenticated(requests: list[RecordedRequest], result: Result | None, wanted: set[str]) -> Verdict:
    if not requests:
        return Verdict(right=False, seen=f"{result}, nothing sent")
    missing = wanted - {name for name, _ in requests[0].headers}
    if missing:
        return Verdict(right=False, seen=f"omits {' and '.join(sorted(missing))}")
    return Verdict(right=True, seen=f"sends {' and '.join(sorted(wanted))}")
