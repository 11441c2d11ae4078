"""The bank's page, to which a customer goes when a payment has the channel `link`: HTML on the API's listener.

Whoever has the token in its address may act on the payment, as whoever holds the customer's phone may. The page loads
nothing, runs no script, and names no field that a browser would fill in.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from tokenvault_contract.operations import BASE_PATH
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.printable import escaped
from tokenvault_server.domain.tracebacks import described
from tokenvault_server.emulator.payments.records import Order, Payment, PaymentStatus
from tokenvault_server.emulator.payments.service import Payments
from tokenvault_server.emulator.payments.states import MAX_ATTEMPTS, Answer
from tokenvault_server.emulator.payments.store import OrderKey, page_lookup
from tokenvault_server.errors import VaultError

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PAGE_PATH: Final = f"{BASE_PATH}/view/gateway/"
ACTOR: Final = "bank_page"

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_MAX_BODY: Final = 1_024
_BODY_SECONDS: Final = 10.0

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#eef1f5;color:#1b2733}"
    "main{max-width:24rem;margin:3rem auto;padding:1.5rem 2rem 2rem;background:#fff;border:1px solid #cfd7e0;"
    "border-radius:8px}"
    "h1{font-size:1.25rem;margin:.25rem 0 1rem}"
    ".test{margin:0 0 1rem;padding:.5rem .75rem;background:#fff4d6;border:1px solid #e0bd5a;border-radius:4px;"
    "font-size:.875rem}"
    ".wrong{padding:.5rem .75rem;background:#fde8e8;border:1px solid #d88;border-radius:4px}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:0 0 1.25rem}"
    "dt{color:#5a6a7a}dd{margin:0;text-align:right;overflow-wrap:anywhere}"
    "label{display:block;margin-bottom:.25rem}"
    "input{width:100%;box-sizing:border-box;font:1.25rem monospace;letter-spacing:.25em;padding:.5rem;"
    "border:1px solid #8796a5;border-radius:4px}"
    "button,.button{display:block;width:100%;box-sizing:border-box;margin-top:.75rem;padding:.625rem;font:inherit;"
    "border-radius:4px;border:1px solid #1f5fae;background:#1f5fae;color:#fff;cursor:pointer;text-align:center;"
    "text-decoration:none}"
    "button.quiet{background:#fff;color:#1b2733;border-color:#8796a5}"
)
_STYLE_HASH: Final = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()

_RESULTS: Final = {
    PaymentStatus.SUCCESS: "Payment successful",
    PaymentStatus.FAILED: "Payment failed",
    PaymentStatus.USER_DROPPED: "Payment not completed",
}


class BankPages:
    """An ASGI application that answers for the bank's page and passes everything else on."""

    def __init__(self, app: App, payments: Payments) -> None:
        """Stand in front of `app`."""
        self._app = app
        self._payments = payments

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope. No error leaves with its frames, which hold the address of the page."""
        if scope["type"] != "http" or not scope["raw_path"].startswith(PAGE_PATH.encode()):
            passing = self._app(scope, receive, send)
            del scope, receive, send  # this frame stays while the API answers, and raw headers are plain values
            await passing
            return
        try:
            status, html, headers = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001  # the server would log the frames
            failure = described(error)
            del error
            logger.error("no page", extra=failure)  # noqa: TRY400  # without the frames, which hold the token
            status, html, headers = 500, _page("Something went wrong", ""), []
        body = html.encode()
        headers += [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, str, list[tuple[bytes, bytes]]]:
        method, token = scope["method"], scope["raw_path"][len(PAGE_PATH) :].decode("ascii", "replace")
        found = await self._found(token)
        if found is None:
            return 404, _page("There is no such payment", ""), _headers()
        order, payment = found
        headers = _headers(order.return_url)
        if method in {"GET", "HEAD"}:
            return 200, _shown(order, payment), headers
        if method != "POST":
            return 405, _page("This page takes GET and POST", ""), [*headers, (b"allow", b"GET, POST")]
        client = scope["client"]
        was_wrong = await self._act(order, payment, await _form(receive), client[0] if client else "")
        order, payment = await self._found(token) or found
        if was_wrong or not payment.status.is_final:
            return 200, _shown(order, payment, was_wrong=was_wrong), headers
        back = _way_back(order) or PAGE_PATH + token
        return 303, _shown(order, payment), [*headers, (b"location", back.encode())]

    async def _found(self, token: str) -> tuple[Order, Payment] | None:
        """Return the payment of a page, which the customer has now opened."""
        key = await self._payments.ledger.find(page_lookup(token))
        if key is None:
            return None
        order = await self._payments.ledger.load(*key)
        (payment,) = [each for each in order.payments if each.page_token == token]
        return await self._payments.open_page(key, payment.cf_payment_id)

    async def _act(self, order: Order, payment: Payment, form: dict[str, list[str]], origin: str) -> bool:
        """Do what the customer chose; return whether the one-time password was wrong and another may follow."""
        key = OrderKey(order.merchant_id, order.order_id)  # type: ignore[arg-type]  # a stored id
        try:
            if "cancel" in form:
                await self._payments.drop(key, payment.cf_payment_id)
                return False
            otp = form.get("otp", [""])[0].strip()
            caller = Caller(key.merchant_id, ACTOR, origin)
            ended, answer = await self._payments.submit_otp(caller, key, payment.cf_payment_id, otp)
        except VaultError:
            return False  # it has ended meanwhile; the page says how
        return answer is Answer.WRONG and not ended.status.is_final


def host_of(header: str) -> str:
    """Return the host that a caller used, for addresses in the answer; this machine's if the header is unusable."""
    return header if _HOST.fullmatch(header) else "127.0.0.1"


def _headers(return_url: str | None = None) -> list[tuple[bytes, bytes]]:
    """Return the headers of a page. Browsers apply `form-action` to the redirect after a form, too."""
    targets = "'self'"
    if return_url:
        parts = urlsplit(return_url)
        targets += f" {parts.scheme}://{parts.netloc}"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {targets}; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return [
        (b"content-security-policy", policy.encode("ascii", "ignore")),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]


async def _form(receive: Receive) -> dict[str, list[str]]:
    """Return the fields of a form; none when it is too large or does not arrive in time."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while len(body) <= _MAX_BODY:
                message = await receive()
                body += message.get("body", b"")
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return parse_qs(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=8)
    except (TimeoutError, ValueError):
        pass
    return {}


def _way_back(order: Order) -> str | None:
    """Return the merchant's address with the order's id in it, if the merchant gave one."""
    if order.return_url is None:
        return None
    return quote(order.return_url.replace("{order_id}", order.order_id), safe=":/?#[]@!$&'()*+,;=%~-._")


def _shown(order: Order, payment: Payment, *, was_wrong: bool = False) -> str:
    rows = (
        ("Order", order.order_id),
        ("Amount", f"₹ {order.amount / 100:,.2f}"),
        ("Card", payment.card.display or "network token"),
        ("Bank", payment.card.issuer or "not known"),
    )
    facts = "".join(f"<dt>{name}</dt><dd>{escape(escaped(value))}</dd>" for name, value in rows)
    if payment.status.is_final:
        back = _way_back(order)
        link = f'<a class="button" href="{escape(back)}">Return to the shop</a>' if back else ""
        reason = "" if payment.status is PaymentStatus.SUCCESS else f"<p>{escape(payment.message or '')}</p>"
        return _page(_RESULTS[payment.status], f"<dl>{facts}</dl>{reason}{link}")
    left = MAX_ATTEMPTS - payment.attempts
    wrong = f'<p class="wrong" role="alert">The one-time password is wrong. {left} left.</p>' if was_wrong else ""
    form = (
        '<form method="post"><label for="otp">One-time password</label>'
        '<input id="otp" name="otp" inputmode="numeric" autocomplete="off" maxlength="10" autofocus>'
        "<button>Pay</button>"
        '<button class="quiet" name="cancel" value="1" formnovalidate>Cancel the payment</button></form>'
    )
    return _page("Confirm your payment", f"<dl>{facts}</dl>{wrong}{form}")


def _page(title: str, content: str) -> str:
    note = "This is a test bank. No money moves. The one-time password is 111000."
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<main><p class="test">{note}</p><h1>{escape(title)}</h1>{content}</main></html>'
    )
