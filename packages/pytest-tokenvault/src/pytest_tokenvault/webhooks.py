"""The webhooks of an emulator, captured where they leave it, and verified as a receiver must verify them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenvault_client import webhooks
from tokenvault_contract import headers as names
from tokenvault_server.embedded import CapturedWebhook
from tokenvault_server.emulator.captured_webhooks import CAPTURE_URL
from tokenvault_server.emulator.steering import WebhookControl


@dataclass(frozen=True, repr=False)
class ReceivedWebhook:
    """One attempt to send a webhook. Its signature is right.

    Post `body` with `headers` to your own endpoint to test it: they are what was sent, byte for byte.
    """

    event: webhooks.Event
    body: bytes
    headers: dict[str, str]
    attempt: int
    url: str
    outcome: str
    """`delivered`, or why not."""

    def __repr__(self) -> str:
        """Name the event, but not its content: the report of a test that fails has enough lines."""
        return f"<ReceivedWebhook {self.type} attempt {self.attempt} {self.outcome}>"

    @property
    def type(self) -> str:
        """The type of the event, such as `INSTRUMENT_ACTIVE_WEBHOOK`."""
        return self.event.type

    @property
    def instrument(self) -> webhooks.Instrument | None:
        """The saved card that the event is about, if there is one."""
        return self.event.instrument


class VaultWebhooks:
    """The webhooks of the ready-made merchant. Each is captured, whether or not there is an endpoint for it."""

    def __init__(self, control: WebhookControl, secret: Callable[[], str]) -> None:
        """Find webhooks through `control`, and verify them with the secret of that moment."""
        self._control = control
        self._secret = secret

    def wait_for(
        self,
        event: str,
        *,
        customer: str = "",
        instrument: str = "",
        outcome: str = "",
        attempt: int | None = None,
        count: int = 1,
        timeout: float = 5,
    ) -> ReceivedWebhook:
        """Return the newest webhook of a type as soon as `count` of them were sent.

        What is due is sent at once, to your endpoints too. An event that was sent before counts.

        Raises:
            TimeoutError: There are not as many after `timeout` seconds. The message lists what was sent.
            WebhookError: The signature is wrong.
        """
        found = self._control.wait_for(
            type=event,
            customer=customer,
            instrument=instrument,
            outcome=outcome,
            attempt=attempt,
            count=count,
            timeout=timeout,
        )
        return self._verified(found[-1])

    def all(
        self, event: str = "", *, customer: str = "", instrument: str = "", outcome: str = ""
    ) -> list[ReceivedWebhook]:
        """Return all webhooks that were sent by now, oldest first.

        Raises:
            WebhookError: A signature is wrong.
        """
        self._control.deliver()
        found = self._control.find(type=event, customer=customer, instrument=instrument, outcome=outcome)
        return [self._verified(each) for each in found]

    def send_to(self, url: str) -> None:
        """Send all further webhooks of the test to a URL, such as the endpoint of your own server.

        Their `outcome` is then what your server answered. Can be called several times, for several servers.
        """
        self._control.add_endpoint(url)
        self._control.remove_endpoint(CAPTURE_URL)

    def fire(self, event: str, *, instrument: str = "", customer: str = "") -> ReceivedWebhook:
        """Send an event about a saved card, although nothing happened to it, and return it.

        `INSTRUMENT_FAILED_WEBHOOK` takes a customer: its card was not saved.
        """
        self._control.fire(event, instrument=instrument, customer=customer)
        return self.wait_for(event, instrument=instrument, customer=customer)

    def resend(self) -> ReceivedWebhook:
        """Send the last webhook once more: receivers must expect that."""
        return self._verified(self._control.resend(self._control.find()[-1].id))

    def clear(self) -> None:
        """Forget all webhooks that were sent."""
        self._control.clear()

    def _verified(self, captured: CapturedWebhook) -> ReceivedWebhook:
        body = captured.body.encode()
        # The time is the emulator's, whose clock tests move: the signature covers it, its age means nothing.
        sent_at = int(captured.headers[names.WEBHOOK_TIMESTAMP]) / 1000
        event = webhooks.verify(body, captured.headers, self._secret(), now=sent_at)
        return ReceivedWebhook(event, body, dict(captured.headers), captured.attempt, captured.url, captured.outcome)
