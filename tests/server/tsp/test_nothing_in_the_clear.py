"""The local token service stores and displays no card number, token number or name in the clear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.server.tsp.environment import CUSTOMER, MERCHANT, VISA, Environment, a_request, presenting
from tests.support.databases import SQLITE_ALONE
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.network import Network
from tokenvault_server.keys.packed import packed
from tokenvault_server.tsp.local.cryptogram import Subject
from tokenvault_server.tsp.local.records import CardRecord
from tokenvault_server.tsp.local.tokens import NewToken
from tokenvault_server.tsp.provider import Amount, CryptogramContext, LifecycleAction


def packed_decimal(number: str) -> bytes:
    """Return a number as packed decimal, the input format of the key derivation."""
    return bytes.fromhex(number if len(number) % 2 == 0 else f"0{number}")


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


@SQLITE_ALONE
def test_no_number_name_or_cryptogram_is_in_any_file(environment: Environment, tmp_path: Path) -> None:
    grant = environment.provision()
    environment.provision(a_request(expiry=Expiry(2031, 9)))
    cryptogram = environment.cryptogram(grant.token_reference, CryptogramContext(amount=Amount(49_900, "356")))
    environment.verify(replace(presenting(cryptogram), amount=Amount(49_900, "356")))
    written = everything_on_disk(tmp_path)
    assert (tmp_path / "tsp.db-wal").stat().st_size > 0
    assert grant.token_reference.encode() in written  # this shows that the right files are searched
    assert grant.par is not None
    token_pan, value = grant.token_pan.reveal(), cryptogram.value.reveal()
    for secret in (VISA, token_pan, value, grant.par, MERCHANT, CUSTOMER, "Asha", "740324562"):
        assert secret.encode() not in written
    for number in (VISA, token_pan):
        assert packed_decimal(number) not in written
        assert int(number).to_bytes(8) not in written
    assert VISA[:10].encode() not in written


def test_a_deleted_card_leaves_no_sealed_record(environment: Environment, tmp_path: Path) -> None:
    grant = environment.provision()
    sealed = environment.sealed_of(grant.token_reference)
    environment.lifecycle(grant.token_reference, LifecycleAction.DELETE)
    environment.run(environment.service.close())  # closing also moves the write-ahead log into the file
    assert sealed not in everything_on_disk(tmp_path)


def test_no_repr_shows_a_secret(environment: Environment) -> None:
    request = a_request()
    grant = environment.provision(request)
    cryptogram = environment.cryptogram(grant.token_reference)
    row = environment.run(environment.service._components.tokens.by_reference(grant.token_reference))  # noqa: SLF001
    record = CardRecord(packed(VISA), 2028, 3, packed(grant.token_pan.reveal()), MERCHANT, CUSTOMER)
    new = NewToken(grant.token_reference, Network.VISA, grant.trid, "2123", 0, b"", b"", b"", "out_1")
    subject = Subject(grant.token_pan, "3011", grant.trid, MERCHANT)
    shown = "".join(
        f"{thing!r} {thing} {thing!s}"
        for thing in (
            request,
            grant,
            cryptogram,
            presenting(cryptogram),
            row,
            record,
            new,
            subject,
            environment.service,
        )
    )
    hidden = [VISA, grant.token_pan.reveal(), cryptogram.value.reveal(), grant.token_reference, grant.par or ""]
    assert not [secret for secret in [*hidden, "Asha", "year="] if secret in shown]
