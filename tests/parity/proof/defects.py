"""The defects of the official SDK, one function each: what happens, what a server hears, and whether that is right.

Every SDK is judged by the same function, by what reached the server rather than by what the SDK says. Servers are on
loopback, with real sockets and real TLS.
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
from tests.parity.proof.sdks import Said, Sdk
from tokenvault_contract import headers as names

PATIENCE_SECONDS = 17.0
"""Longer than any call of ours may take by default, which is 15 seconds."""
ROUNDS = 3
"""Threads cross by chance: of 1,600 calls some 30 did on two cores."""


class Verdict(NamedTuple):
    """Whether an SDK did right, and what was seen."""

    right: bool
    seen: str


Defect = Callable[[Sdk], Verdict]


def untrusted_certificate(sdk: Sdk) -> Verdict:
    """A server shows a certificate that nobody vouches for."""
    with TemporaryDirectory() as folder, recording_server(tls=Authority(Path(folder)).server()) as server:
        said = sdk.run("fetch", server.base_url)
    return _no_secret(server.heard, said)


def credentials_in_threads(sdk: Sdk) -> Verdict:
    """Four merchants call in four threads, each with a client of its own."""
    with recording_server() as server:
        for _ in range(ROUNDS):
            sdk.run("threads", server.base_url)
            if not _not_crossed(server.heard).right:
                break
    return _not_crossed(server.heard)


def credentials_in_background(sdk: Sdk) -> Verdict:
    """Four merchants call at once: by `async_req`, or as tasks."""
    with recording_server() as server:
        sdk.run("in_background", server.base_url)
    return _not_crossed(server.heard)


def partner_headers(sdk: Sdk) -> Verdict:
    """A partner signs in for a merchant."""
    with recording_server() as server:
        said = sdk.run("as_partner", server.base_url)
    return _signed_in(server.heard, said, {names.PARTNER_API_KEY, names.PARTNER_MERCHANT_ID})


def signature_header(sdk: Sdk) -> Verdict:
    """A merchant signs in by signature instead of secret."""
    with recording_server() as server:
        said = sdk.run("signed", server.base_url)
    return _signed_in(server.heard, said, {names.CLIENT_ID, names.CLIENT_SIGNATURE})


def list_url(sdk: Sdk) -> Verdict:
    """All saved cards of a customer are asked for."""
    with recording_server() as server:
        sdk.run("fetch_all", server.base_url)
    _, _, query = server.heard[0].target.partition("?")
    return Verdict(query == "instrument_type=card", f"asks ?{query}")


def dots_as_id(sdk: Sdk) -> Verdict:
    """An id is `..`, as somebody's form may have it."""
    with recording_server() as server:
        said = sdk.run("delete_of_dots", server.base_url)
    if server.heard:
        return Verdict(right=False, seen=f"sends {server.heard[0].method} {server.heard[0].target}")
    return Verdict(right=True, seen=f"{said}, nothing sent")


def hidden_repeats(sdk: Sdk) -> Verdict:
    """The connection breaks after a DELETE was sent: nobody knows whether it was done."""
    with recording_server(answer=None) as server:
        sdk.run("delete", server.base_url)
    keys = {dict(request.headers).get(names.IDEMPOTENCY_KEY) for request in server.heard}
    times = f"sent {len(server.heard)} times"
    if len(server.heard) > 1 and (None in keys or len(keys) > 1):
        return Verdict(right=False, seen=f"{times}, without an idempotency key")
    return Verdict(right=True, seen=f"{times}, under one idempotency key: it acts once")


def secret_after_redirect(sdk: Sdk) -> Verdict:
    """A server redirects to another one."""
    with recording_server() as other, recording_server(answer=307, headers={"location": other.base_url}) as server:
        said = sdk.run("fetch", server.base_url)
    return _no_secret(other.heard, said)


def no_timeout(sdk: Sdk) -> Verdict:
    """A server takes the call and says nothing, and the caller has set no timeout."""
    heard = threading.Event()

    def silent(connection: socket.socket) -> None:
        heard.set()
        connection.recv(1)

    with faulty_server(silent) as base_url:
        said = sdk.run("fetch", base_url, seconds=PATIENCE_SECONDS, after=heard)
    if said is None:
        return Verdict(right=False, seen=f"still waiting after {PATIENCE_SECONDS:.0f} s")
    return Verdict(right=said.raised is not None, seen=f"{said} after {said.seconds:.1f} s")


def pinned_urllib3(sdk: Sdk) -> Verdict:
    """Another package of the same program needs a urllib3 of today."""
    pinned = [need for need in map(Requirement, sdk.requires()) if need.name == "urllib3"]
    wanted = version("urllib3")
    refused = [need for need in pinned if not need.specifier.contains(wanted)]
    if refused:
        return Verdict(right=False, seen=f"needs {refused[0]}, so {wanted} cannot be installed beside it")
    return Verdict(right=True, seen=f"leaves the choice: {wanted} can be installed beside it")


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


def _no_secret(heard: list[RecordedRequest], said: Said | None) -> Verdict:
    if any(name == names.CLIENT_SECRET for request in heard for name, _ in request.headers):
        return Verdict(right=False, seen=f"sends {names.CLIENT_SECRET} there")
    return Verdict(right=not heard, seen=f"{said}, nothing sent")


def _not_crossed(heard: list[RecordedRequest]) -> Verdict:
    """Each merchant's customer, id and secret end in the merchant's number."""
    crossed = 0
    for request in heard:
        headers = dict(request.headers)
        told = (request.target.split("/")[3][-1], headers[names.CLIENT_ID][-1], headers[names.CLIENT_SECRET][-1])
        crossed += len(set(told)) > 1
    return Verdict(right=bool(heard) and not crossed, seen=f"crossed in {crossed:,} of {len(heard):,} calls")


def _signed_in(heard: list[RecordedRequest], said: Said | None, wanted: set[str]) -> Verdict:
    if not heard:
        return Verdict(right=False, seen=f"{said}, nothing sent")
    missing = wanted - {name for name, _ in heard[0].headers}
    if missing:
        return Verdict(right=False, seen=f"leaves out {' and '.join(sorted(missing))}")
    return Verdict(right=True, seen=f"sends {' and '.join(sorted(wanted))}")
