"""`TokenVault`: an emulator in this process with its clients. It needs no pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pytest_tokenvault.transport import ClosingTransport
from pytest_tokenvault.webhooks import VaultWebhooks
from tokenvault_client import AsyncClient, Card, Client, Consent, Instrument
from tokenvault_server.embedded import Emulator, JournalEntry, Seed
from tokenvault_server.emulator.announcement import Announcement, environment, variables
from tokenvault_server.emulator.steering import CardControl, ClockControl, FaultControl, RequestControl

VISA: Final = "4706131211212123"
"""The first of the card numbers that Cashfree publishes for its sandbox."""
_YEARS_LEFT: Final = timedelta(days=3 * 365)


class TokenVault:
    """An emulator on a free port of this machine, with a ready-made merchant. Nothing of it stays afterwards.

    `async with` works too: starting and stopping then do not block the event loop.
    """

    base_url: str
    client_id: str
    client_secret: str
    webhook_secret: str
    console_url: str
    """A page for the browser that shows what the emulator does."""
    control_url: str

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int | str | Path | Seed | Mapping[str, Any] | None = None,
        data: Path | str | None = None,
        rate_limits: bool = True,
        strict: bool = False,
        webhook_url: str | None = None,
    ) -> None:
        """Describe an emulator; `with` starts it.

        Args:
            port: The API's port; 0 takes a free one.
            seed: A number makes ids, tokens and times the same each time. A path, a `Seed` or its fields say which
                cards are saved at the start, and after each reset.
            data: Keeps everything in this directory.
            rate_limits: Whether calls are counted, as Cashfree does.
            strict: Whether requests beyond Cashfree's documented limits are rejected.
            webhook_url: Gets the webhooks.
        """
        self._emulator = Emulator(
            port=port, seed=seed, data=data, rate_limits=rate_limits, strict=strict, webhook_url=webhook_url
        )
        self._client: Client | None = None
        self.clock: ClockControl = self._emulator.clock
        self.faults: FaultControl = self._emulator.faults
        self.requests: RequestControl = self._emulator.requests
        self.cards: CardControl = self._emulator.cards
        self.webhooks: VaultWebhooks = VaultWebhooks(self._emulator.webhooks, lambda: self.webhook_secret)

    def __repr__(self) -> str:
        """Name the address only."""
        return f"TokenVault({getattr(self, 'base_url', 'not started')})"

    def __enter__(self) -> Self:
        self._emulator.start()
        self._started()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        self._emulator.stop()

    async def __aenter__(self) -> Self:
        await self._emulator.__aenter__()
        self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._close()
        await self._emulator.__aexit__()

    def client(self, *, max_retries: int = 0) -> Client:
        """Return a new client. It does not retry, so that each fault is seen; close it, or use it in `with`."""
        return Client(
            base_url=self.base_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            max_retries=max_retries,
        )

    def async_client(self, *, max_retries: int = 0) -> AsyncClient:
        """Return a new asynchronous client, for any event loop. It needs no closing."""
        return AsyncClient(
            base_url=self.base_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            max_retries=max_retries,
            transport=ClosingTransport(),
        )

    def save_card(self, customer_id: str, card_number: str = VISA, *, holder: str = "Asha Rao") -> Instrument:
        """Save a test card for a customer, as a page of the vault would, and return it.

        Raises:
            APIError: The card was not saved: a fault, a magic holder name, or a number that is no test card.
        """
        self._client = self._client or self.client()
        now = self.clock.now()
        expiry = now + _YEARS_LEFT
        card = Card(
            card_number=card_number,
            card_expiry_mm=f"{expiry.month:02d}",
            card_expiry_yy=str(expiry.year),
            card_holder_name=holder,
        )
        consent = Consent(given_at=now.isoformat(), text_version="v1")
        return self._client.enrol_instrument(customer_id, card, afa_reference="740324562", consent=consent).data

    def seed(self, seed: Seed | Mapping[str, Any]) -> None:
        """Save the customers and cards of a seed. These calls are not in the journal."""
        import msgspec

        self._emulator.seed(seed if isinstance(seed, Seed) else msgspec.convert(seed, Seed))

    def reset(self) -> None:
        """Go back to the state at the start: cards, clock, faults, webhooks and journal. Credentials stay."""
        self._emulator.reset()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that lead a client here, such as `CASHFREE_BASE_URL`."""
        return variables(self._announcement)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment for another process: these variables, and none that names another host or caller."""
        return environment(self._announcement, environ)

    @property
    def _announcement(self) -> Announcement:
        return Announcement(**{name: getattr(self._emulator, name) for name in Announcement.__struct_fields__})

    def _started(self) -> None:
        for name in ("base_url", "client_id", "client_secret", "webhook_secret", "console_url", "control_url"):
            setattr(self, name, getattr(self._emulator, name))

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def as_text(calls: Sequence[JournalEntry]) -> str:
    """Return a line for each call of the journal, for the report of a test that failed."""
    return "\n".join(_line(each) for each in calls)


def _line(call: JournalEntry) -> str:
    parts = [call.method, call.path, str(call.status), call.code, *call.faults]
    return " ".join(filter(None, parts))
