"""A trusted proxy tells callers apart by the address that it forwards; nobody else is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api_over_http.environment import a_world
from tests.support.builders import audit_entries

LIST = "/customers/asha/instruments?instrument_type=card"


@pytest.mark.parametrize(("trusted", "origin"), [(("127.0.0.0/8",), "203.0.113.9"), ((), "127.0.0.1")])
async def test_a_forwarded_address_counts_from_a_trusted_proxy(
    tmp_path: Path, trusted: tuple[str, ...], origin: str
) -> None:
    async with a_world(tmp_path / "vault", trusted_proxies=trusted, rate_limit_per_address=5) as environment:
        for _ in range(5):
            await environment.ask("GET", LIST, x_forwarded_for="198.51.100.1, 203.0.113.9", x_client_secret="wrong")
        refused = await environment.ask("GET", LIST, x_forwarded_for="203.0.113.9", x_client_secret="wrong")
        elsewhere = await environment.ask("GET", LIST, x_forwarded_for="198.51.100.1", x_client_secret="wrong")
        assert (refused.status, elsewhere.status) == (429, 401 if trusted else 429)
        entries = await audit_entries(environment.vault, environment.merchant.partner_merchant_id)
        origins = {entry["origin"] for entry in entries if entry["action"] == "authentication.refused"}
        assert origins <= {origin, "198.51.100.1"} if trusted else origins <= {origin}
