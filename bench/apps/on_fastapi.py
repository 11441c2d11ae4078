"""The bare handler as in FastAPI's tutorial: typed parameters, a dependency for the key, and a response model.

Its functions are asynchronous, so none of them needs a thread.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel

from bench.support import plain

_reader = plain.Reader()


class TokenDetails(BaseModel):
    """The token of a saved card."""

    par: str
    expiry_month: str
    expiry_year: str


class InstrumentMeta(BaseModel):
    """The facts by which a customer recognises a card."""

    card_network: str
    card_bank_name: str
    card_country: str
    card_type: str
    card_token_details: TokenDetails
    card_sub_type: str


class Instrument(BaseModel):
    """A saved card."""

    customer_id: str
    afa_reference: str
    instrument_id: str
    instrument_type: str
    instrument_uid: str
    instrument_display: str
    instrument_status: str
    created_at: str
    instrument_meta: InstrumentMeta


async def authenticated(x_client_id: Annotated[str, Header()], x_client_secret: Annotated[str, Header()]) -> str:
    """Return the merchant that calls."""
    merchant_id = _reader.merchant(x_client_id.encode(), x_client_secret.encode())
    if merchant_id is None:
        raise HTTPException(401)
    return merchant_id


async def fetch(
    customer_id: str, instrument_id: str, merchant_id: Annotated[str, Depends(authenticated)], response: Response
) -> Instrument:
    """Answer one request."""
    row = _reader.read(merchant_id, customer_id, instrument_id)
    customer, afa, instrument, uid, last4, status, created_at, network, issuer, country, kind, sub, par, month, year = (
        row
    )
    response.headers["cache-control"] = "no-store"
    response.headers["x-api-version"] = "2026-01-01"
    response.headers["x-request-id"] = "req_" + secrets.token_hex(12)
    response.headers["x-ratelimit-limit"] = "200"
    return Instrument(
        customer_id=customer,
        afa_reference=afa,
        instrument_id=instrument,
        instrument_type="card",
        instrument_uid=uid,
        instrument_display=last4,
        instrument_status=status,
        created_at=created_at,
        instrument_meta=InstrumentMeta(
            card_network=network,
            card_bank_name=issuer,
            card_country=country,
            card_type=kind,
            card_token_details=TokenDetails(par=par, expiry_month=month, expiry_year=year),
            card_sub_type=sub,
        ),
    )


app = FastAPI()
app.add_api_route("/pg/customers/{customer_id}/instruments/{instrument_id}", fetch, response_model=Instrument)
