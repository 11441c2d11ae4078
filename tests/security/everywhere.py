"""Requests with one value in every part of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.support.emulator_process import enrolment
from tests.support.raw_socket import request

LIST = "/pg/customers/careless/instruments"
HEADERS = (
    *("x-request-id", "x-idempotency-key", "x-api-version", "x-client-id", "x-client-secret", "x-client-signature"),
    *("x-partner-apikey", "x-partner-merchantid", "user-agent", "referer", "cookie", "authorization", "accept"),
    *("content-type", "x-forwarded-for", "forwarded", "x-unknown", "origin", "accept-language", "x-sdk-platform"),
    *("traceparent", "tracestate", "baggage"),
)


def everywhere(value: str, good: dict[str, str]) -> Iterator[bytes]:
    """Yield requests of a careless client; nearly all of them are rejected."""
    for target in _targets(value):
        yield request(target, good)
        yield request(target, good, "DELETE")
    for name in HEADERS:
        yield request(f"{LIST}?instrument_type=card&x=1", good | {name: value})
        yield request(LIST + "/unknown/cryptogram", good | {name: f"card {value} of Asha"})
    for trace in (value, value.ljust(32, "a"), "4bf92f3577b34da6a3ce929d0e0e4736"):
        context = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "tracestate": f"vendor={value},b={value}"}
        yield request(f"{LIST}?instrument_type=card&x=1", good | context | {"baggage": f"card={value}"})
    for body in _bodies(value):
        yield request(LIST, good, "POST", body)
        yield request(LIST, good | {"x-client-secret": "wrong"}, "POST", body)


def _targets(value: str) -> Iterator[str]:
    spaced = "%20".join(value[start : start + 4] for start in range(0, len(value), 4))
    for word in (value, spaced, f"asha-{value}", f"{value}%40example", f"%ff{value}", f"{value}%zz"):
        yield f"/pg/customers/{word}/instruments?instrument_type=card"
        yield f"{LIST}/{word}"
        yield f"{LIST}/{word}/cryptogram"
        yield f"{LIST}?instrument_type={word}"
        yield f"{LIST}?instrument_type=card&card_number={word}"
        yield f"/pg/{word}"
        yield f"/{word}/customers"
        yield f"http://{value}.example{LIST}/{word}"


def _bodies(value: str) -> Iterator[bytes]:
    """Yield bodies with the value in every field, as every type, and in unknown fields."""
    whole = enrolment(value)
    for wrong in (value, int(value) if value.isdigit() else 1, [value], {value: value}, f"x {value} x", None):
        for field in whole:
            yield json.dumps(whole | {field: wrong}).encode()
        for outer in ("card", "consent"):
            for field in (*whole[outer], "card_cvv", value):
                yield json.dumps(whole | {outer: whole[outer] | {field: wrong}}).encode()
        yield json.dumps(whole | {"unknown": wrong}).encode()
        yield json.dumps(wrong).encode()
    good = json.dumps(enrolment(value) | {"unknown": 1}).encode()
    yield from (
        good[:-1],
        good + b"}",
        good.replace(b":", b"=", 1),
        b"\xff" + good,
        good + b"\xff",
        good.replace(b"03", b"99"),
    )
    yield value.encode() * 1000
    yield b'{"card_number": ' + value.encode()
    yield f"card_number={value}&card_cvv=123".encode()


def no_http(value: str, good: dict[str, str]) -> Iterator[bytes]:
    """Yield invalid HTTP with the value in it."""
    word = value.encode()
    yield request(LIST, good, value)
    yield request(LIST, good, extra=word + b"\r\n")
    yield request(LIST, good, extra=b"x-broken: \x00" + word + b"\r\n")
    yield request(f"/é{value}", good)
    yield word + b"\r\n\r\n"
    chunked = request(LIST, good, "POST", extra=b"transfer-encoding: chunked\r\n")
    yield chunked + b"10;pan=%s\r\n%s\r\n0\r\nx-trailer: %s\r\n\r\n" % (word, word[:16].ljust(16), word)
    yield chunked + b"zz%s\r\n%s\r\n0\r\n\r\n" % (word, word)
