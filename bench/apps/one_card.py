"""A server for measuring clients: it answers every request with the same card, over HTTP/1.1, at very little cost.

`python -m bench.apps.one_card PORT TLS_PORT PEM`, where PEM is a file with key and certificate.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import cast

import uvloop

CARD = {
    "customer_id": "asha",
    "afa_reference": "740324562",
    "instrument_id": "01a2026c-d118-7358-ae23-a13133877b1d",
    "instrument_type": "card",
    "instrument_uid": "9ba6828e84a92be11da9048e0c5bccb68c5bb9502157cfe771b8e778665af5c9",
    "instrument_display": "XXXXXXXXXXXX2123",
    "instrument_status": "ACTIVE",
    "created_at": "2026-11-22T08:43:35.576+00:00",
    "instrument_meta": {
        "card_network": "visa",
        "card_bank_name": "HDFC BANK",
        "card_country": "IN",
        "card_type": "debit_card",
        "card_token_details": {"par": "TVV13RK0CBL9NDG73RC475UK0CGAW", "expiry_month": "11", "expiry_year": "2030"},
        "card_sub_type": "R",
    },
}
BODY = json.dumps(CARD, separators=(",", ":")).encode()
HEAD = (
    "HTTP/1.1 200 OK",
    "content-type: application/json",
    f"content-length: {len(BODY)}",
    "x-api-version: 2026-01-01",
    "x-ratelimit-limit: 200",
    "x-ratelimit-remaining: 199",
    "x-ratelimit-retry: 0",
    "x-ratelimit-type: app_id",
    "x-request-id: 6f1d3c52-0c55-4a3c-9d5e-5a4f6d1f2b3a",
)
ANSWER = "\r\n".join((*HEAD, "", "")).encode() + BODY


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from asyncio's
        self._heard = b""

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._heard.endswith(b"\r\n\r\n"):
            self._heard = b""
            self._transport.write(ANSWER)


async def main(port: int, tls_port: int, pem: str) -> None:
    """Serve until the process is ended. Once the first port answers, the second one is ready too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    loop = asyncio.get_running_loop()
    await loop.create_server(_Connection, "127.0.0.1", tls_port, ssl=context, backlog=2048)
    plain = await loop.create_server(_Connection, "127.0.0.1", port, backlog=2048)
    await plain.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
