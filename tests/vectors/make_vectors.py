"""Write the checked-in vectors of our own formats from fixed inputs: `python tests/vectors/make_vectors.py`.

If a vector changes, stored data can no longer be read. Give the new format a new number and its own vectors, and keep
the old ones. Vectors of others (RFCs, the GCM specification) are in published.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.keys import signing
from tokenvault_server.keys.blind_index import blind_index, instrument_uid
from tokenvault_server.keys.envelope import RecordLocation, _seal
from tokenvault_server.keys.kek import KeyContext
from tokenvault_server.keys.keyring import Key, check_value
from tokenvault_server.keys.packed import packed
from tokenvault_server.keys.providers import wrapping
from tokenvault_server.store.anchor import Anchor
from tokenvault_server.vault.audit_format import GENESIS, CheckpointBody, checkpoint_hash, entry_hash
from tokenvault_server.vault.record_sealer import InstrumentSecrets

FOLDER = Path(__file__).parent

KEY = bytes(range(32))
MASTER = bytes(range(0x80, 0xA0))
DATA_KEY = bytes(range(0x20, 0x40))
WRAP_NONCE = bytes(range(0x40, 0x4C))
PAYLOAD_NONCE = bytes(range(0x50, 0x5C))

PLACES = {
    "a saved card": RecordLocation(
        "vlt_01", "mer_01", "customer-1", "0197f0a0-0000-7000-8000-000000000001", "instrument", 1, 1
    ),
    "no customer, largest versions": RecordLocation(
        "vlt_01", "mer_01", "", "whk_01", "credential", 2**32 - 1, 2**64 - 1
    ),
    "beyond ASCII": RecordLocation("vlt_01", "mer_01", "ग्राहक-१", "कार्ड", "instrument", 2, 70_000),
    "longer than one byte counts": RecordLocation("v" * 300, "m", "c" * 256, "i", "t", 1, 1),
}
PAYLOADS = {
    "a saved card": b'{"token_pan":"4895370012003478","par":"V0010013020315513942420893974"}',
    "no customer, largest versions": b"",
    "beyond ASCII": bytes(range(256)),
    "longer than one byte counts": b"\x00",
}
CONTEXTS = {
    "key file, version 1": (wrapping.KEY_FILE, 1, KeyContext("vlt_01", Purpose.RECORD, "mer_01", 1)),
    "key file, a later version": (wrapping.KEY_FILE, 258, KeyContext("vlt_01", Purpose.AUDIT, "", 7)),
    "passphrase": (wrapping.PASSPHRASE, 1, KeyContext("vlt_01", Purpose.ISSUER_MASTER, "visa", 1)),
}

NOW = 1_795_337_130_000_000
EVENTS = (
    AuditEntry(at=NOW, action=Action.MERCHANT_ADDED, actor="cli", details={"name": "दुकान"}),
    AuditEntry(
        at=NOW + 1,
        action=Action.CRYPTOGRAM_ISSUED,
        actor="CLIENT1",
        origin="192.0.2.1",
        request_id="req_1",
        customer_id="customer-1",
        instrument_id="0197f0a0-0000-7000-8000-000000000001",
        details={"atc": 7, "key_index": 1},
    ),
    AuditEntry(
        at=NOW + 2,
        action=Action.AUTHENTICATION_REFUSED,
        actor="",
        origin="::1",
        outcome="refused",
        details={"count": 3},
    ),
)
SECRETS = InstrumentSecrets(
    packed_token=packed("4999990123456784"),
    token_expiry_month=3,
    token_expiry_year=2030,
    par="TVV1013020315513942420893974A",
    trid="90012345678",
    token_reference="tok_01",
    afa_reference="740324562",
    consent_given_at=NOW,
    consent_text_version="v1",
)


def a_key(purpose: Purpose, material: bytes = KEY, *, key_id: int = 0x01020304) -> Key:
    return Key(WrappedKey(key_id, purpose, "mer_01", 1, KeyState.ACTIVE, b"", "1", b"", 0), material)


def envelope() -> list[dict[str, Any]]:
    """Return sealed records of format 1."""
    key = a_key(Purpose.RECORD)
    return [
        {
            "name": name,
            "key": KEY.hex(),
            "key_id": key.key_id,
            "data_key": DATA_KEY.hex(),
            "place": location._asdict(),
            "payload": PAYLOADS[name].hex(),
            "sealed": _seal(key, location, PAYLOADS[name], DATA_KEY + WRAP_NONCE + PAYLOAD_NONCE).hex(),
        }
        for name, location in PLACES.items()
    ]


def wrapped_key() -> list[dict[str, Any]]:
    """Return wrapped keys of the providers that have the master key in this process."""
    return [
        {
            "name": name,
            "master_key": MASTER.hex(),
            "context": {
                "vault_id": context.vault_id,
                "purpose": context.purpose.value,
                "owner": context.owner,
                "version": context.version,
            },
            "associated": context.encode().hex(),
            "material": KEY.hex(),
            "wrapped": wrapping.wrap_with(
                AESGCM(MASTER), wrapping.header(kind, version), KEY, context, WRAP_NONCE
            ).hex(),
        }
        for name, (kind, version, context) in CONTEXTS.items()
    ]


def index() -> list[dict[str, Any]]:
    """Return blind indexes and instrument uids."""
    references = ["V0010013020315513942420893974", "", "ñ" * 200]
    return [
        {
            "key": KEY.hex(),
            "merchant_id": "mer_01",
            "reference": reference,
            "blind_index": blind_index(a_key(Purpose.INDEX), "mer_01", reference).hex(),
            "instrument_uid": instrument_uid(a_key(Purpose.INSTRUMENT_UID), "mer_01", reference),
        }
        for reference in references
    ]


def key_check_value() -> list[dict[str, Any]]:
    """Return check values of keys of the three AES sizes, and of one that is no AES key."""
    keys = [KEY[:16], KEY[:24], KEY, KEY + KEY[:8]]
    return [{"key": key.hex(), "check_value": check_value(key).hex()} for key in keys]


def audit() -> list[dict[str, Any]]:
    """Return one chain, two checkpoints of it, and their anchors."""
    entries, heads, previous = [], [], GENESIS
    for sequence, event in enumerate(EVENTS, 1):
        entry = msgspec.json.encode(event)
        digest = entry_hash("vlt_01", "mer_01", sequence, previous, entry)
        entries.append(
            {"sequence": sequence, "previous": previous.hex(), "entry": entry.decode(), "hash": digest.hex()}
        )
        heads.append(("mer_01", sequence, digest.hex()))
        previous = digest
    first = checkpoint(1, GENESIS, heads[1])
    second = checkpoint(2, bytes.fromhex(first["hash"]), heads[2])
    chain = {"vault_id": "vlt_01", "chain": "mer_01", "seed": KEY.hex(), "entries": entries}
    return [{**chain, "checkpoints": [first, second]}]


def checkpoint(number: int, previous: bytes, head: tuple[str, int, str]) -> dict[str, Any]:
    """Return a signed checkpoint of one chain, with its anchor."""
    body = msgspec.json.encode(CheckpointBody("vlt_01", number, NOW + number, previous.hex(), [head]))
    digest, key = checkpoint_hash(body), a_key(Purpose.AUDIT)
    return {
        "body": body.decode(),
        "hash": digest.hex(),
        "public_key": signing.public_key(key).hex(),
        "signature": signing.sign(key, digest).hex(),
        "anchor": msgspec.json.encode(Anchor(number, digest.hex())).decode(),
    }


def instrument() -> list[dict[str, Any]]:
    """Return the sealed part of a saved card, schema 1."""
    fields = msgspec.structs.asdict(SECRETS)
    del fields["packed_token"]
    fields = {"token_pan": SECRETS.network_token.reveal(), **fields}
    return [{"schema": 1, "fields": fields, "payload": msgspec.msgpack.encode(SECRETS).hex()}]


MAKERS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "envelope.json": envelope,
    "wrapped_key.json": wrapped_key,
    "blind_index.json": index,
    "check_value.json": key_check_value,
    "audit.json": audit,
    "instrument.json": instrument,
}


def text_of(name: str) -> str:
    """Return the text of a file of vectors as it should be."""
    return json.dumps(MAKERS[name](), indent=2, ensure_ascii=False) + "\n"


def load(name: str) -> Any:
    """Return the content of a file of vectors as it is."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    for file in MAKERS:
        (FOLDER / file).write_text(text_of(file), encoding="utf-8")
