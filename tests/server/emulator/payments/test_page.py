"""The page of the bank: what a customer sees and can do there, and what nobody else can."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.emulator.payments.shop import CARD, Shop
from tests.support.clock import SettableClock
from tokenvault_server.emulator.payments.page import PAGE_PATH, host_of

RETURN = "https://shop.example/thanks?order={order_id}"


class Browser:
    """Sends requests to the pages of a journey, and to the application behind them."""

    def __init__(self, shop: Shop) -> None:
        self.passed_on: list[str] = []
        self.app = shop.journey.with_pages(self._behind)

    async def _behind(self, scope: Any, receive: Any, send: Any) -> None:
        self.passed_on.append(scope.get("path", scope["type"]))

    async def ask(self, path: str, form: str | None = None, method: str = "") -> tuple[int, dict[str, str], str]:
        """Return the status, the headers and the text of an answer."""
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": (form or "").encode(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method or ("GET" if form is None else "POST"),
            "raw_path": path.encode(),
            "path": path,
            "client": ("192.0.2.9", 1),
            "headers": [],
        }
        await self.app(scope, receive, send)
        if not sent:
            return 0, {}, ""
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, sent[1]["body"].decode()


@pytest.fixture
async def page(shop: Shop) -> str:
    """The path of the page of a payment."""
    answer = await shop.pay(await shop.order(order_meta={"return_url": RETURN}), {"channel": "link", **CARD})
    return str(answer.body["data"]["url"]).removeprefix("http://tokenvault")


async def only(shop: Shop) -> dict[str, Any]:
    """Return the only payment."""
    ((payment,),) = [(await shop.ask("GET", "/orders/order_1/payments")).body]
    shown: dict[str, Any] = payment
    return shown


async def test_the_page_shows_the_payment_and_not_the_card_number(shop: Shop, page: str) -> None:
    assert (await only(shop))["payment_status"] == "NOT_ATTEMPTED"
    status, headers, text = await Browser(shop).ask(page)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    for shown in ("order_1", "170.50", "XXXXXXXXXXXX2123", "HDFC BANK", "No money moves"):
        assert shown in text
    assert CARD["card_number"] not in text
    assert (await only(shop))["payment_status"] == "PENDING"


async def test_the_page_runs_nothing_and_cannot_be_framed(shop: Shop, page: str) -> None:
    _, headers, text = await Browser(shop).ask(page)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://shop.example;" in policy
    assert "unsafe" not in policy
    assert "<script" not in text
    assert headers["cache-control"] == "no-store"


async def test_the_right_otp_pays_and_leads_back_to_the_shop(shop: Shop, page: str) -> None:
    status, headers, _ = await Browser(shop).ask(page, "otp=111000")
    assert (status, headers["location"]) == (303, "https://shop.example/thanks?order=order_1")
    assert await shop.status() == "PAID"


async def test_a_wrong_otp_may_be_corrected_twice(shop: Shop, page: str) -> None:
    browser = Browser(shop)
    for left in (2, 1):
        status, _, text = await browser.ask(page, "otp=1")
        assert (status, f"{left} left" in text) == (200, True)
    assert (await browser.ask(page, "otp=1"))[0] == 303
    assert (await only(shop))["error_details"]["error_code"] == "AUTHENTICATION_FAILED"


async def test_a_cancelled_payment_is_dropped(shop: Shop, page: str) -> None:
    assert (await Browser(shop).ask(page, "otp=&cancel=1"))[0] == 303
    assert (await only(shop))["payment_status"] == "USER_DROPPED"


async def test_a_late_customer_sees_that_the_payment_is_over(shop: Shop, page: str, clock: SettableClock) -> None:
    clock.advance(minutes=15)
    status, _, text = await Browser(shop).ask(page)
    assert (status, "Payment not completed" in text, "Return to the shop" in text) == (200, True, True)
    assert (await Browser(shop).ask(page, "otp=111000"))[0] == 303
    assert (await only(shop))["payment_status"] == "USER_DROPPED"


async def test_without_an_address_to_return_to_the_result_is_shown(shop: Shop) -> None:
    answer = await shop.pay(await shop.order(), {"channel": "link", **CARD})
    path = str(answer.body["data"]["url"]).removeprefix("http://tokenvault")
    browser = Browser(shop)
    assert (await browser.ask(path, "otp=111000"))[1]["location"] == path
    assert "Payment successful" in (await browser.ask(path))[2]


@pytest.mark.parametrize("token", ["", "x" * 32, "%2e%2e", "a" * 5_000])
async def test_nobody_finds_a_page_without_its_token(shop: Shop, page: str, token: str) -> None:
    assert (await Browser(shop).ask(PAGE_PATH + token))[0] == 404


@pytest.mark.parametrize("form", ["", "otp=", "x" * 5_000, "otp=%ff", "&".join(["a=1"] * 50)])
async def test_an_odd_form_is_a_wrong_otp(shop: Shop, page: str, form: str) -> None:
    status, _, text = await Browser(shop).ask(page, form)
    assert (status, "2 left" in text) == (200, True)


async def test_other_methods_are_refused(shop: Shop, page: str) -> None:
    status, headers, _ = await Browser(shop).ask(page, method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, POST")


async def test_everything_else_is_passed_on(shop: Shop) -> None:
    browser = Browser(shop)
    await browser.ask("/pg/orders")
    assert browser.passed_on == ["/pg/orders"]


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost:8480", "localhost:8480"),
        ("[::1]:8480", "[::1]:8480"),
        ("evil.example/a", "127.0.0.1"),
        ('a"b', "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_an_address_names_only_a_plain_host(header: str, host: str) -> None:
    assert host_of(header) == host
