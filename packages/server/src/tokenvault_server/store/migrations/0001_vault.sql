-- The vault's first schema. Types are those that SQLite and PostgreSQL share; times are microseconds UTC.
-- Tables of merchants' data lead their primary key with merchant_id, so that a distributed database can split by it.

-- One row, whose vault it is. `key_changes` counts what happened to `keys`, whose rows say at which count they changed
-- last: so every process notices in time what another did.
CREATE TABLE vault (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    vault_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    key_changes BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE keys (
    key_id BIGINT PRIMARY KEY,
    purpose TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'decrypt_only', 'destroyed')),
    check_value BYTEA NOT NULL,
    epoch TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    UNIQUE (purpose, owner, version)
);

CREATE TABLE merchants (
    merchant_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    client_id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- A merchant may have two live secrets, so that one can be replaced without a pause.
CREATE TABLE merchant_secrets (
    merchant_id TEXT NOT NULL REFERENCES merchants (merchant_id),
    secret_id TEXT NOT NULL,
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (merchant_id, secret_id)
);

CREATE TABLE partners (
    partner_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE partner_keys (
    partner_id TEXT NOT NULL REFERENCES partners (partner_id),
    secret_id TEXT NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (partner_id, secret_id)
);

CREATE TABLE partner_links (
    merchant_id TEXT NOT NULL REFERENCES merchants (merchant_id),
    partner_id TEXT NOT NULL REFERENCES partners (partner_id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, partner_id)
);

CREATE TABLE instruments (
    merchant_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE', 'DELETED')),
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    tsp_id TEXT NOT NULL,
    last4 TEXT NOT NULL,
    network TEXT NOT NULL,
    issuer TEXT NOT NULL,
    country TEXT NOT NULL,
    card_type TEXT NOT NULL,
    card_sub_type TEXT NOT NULL,
    instrument_uid TEXT NOT NULL,
    token_index BYTEA NOT NULL,
    row_version INTEGER NOT NULL,
    key_id BIGINT,
    sealed BYTEA,
    afa_reference TEXT,
    cryptogram_count BIGINT NOT NULL DEFAULT 0,
    cryptogram_at BIGINT,
    PRIMARY KEY (merchant_id, customer_id, instrument_id),
    CHECK ((status = 'DELETED') = (sealed IS NULL))
);

-- One row for each network token that saved cards share; `instruments` counts them. A retired token is never used again.
CREATE TABLE tokens (
    merchant_id TEXT NOT NULL,
    token_index BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'retiring', 'retired')),
    instrument_count INTEGER NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, token_index)
);

-- What must still be told to somebody else, written in the transaction that made it true.
CREATE TABLE outbox (
    merchant_id TEXT NOT NULL,
    outbox_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    token_index BYTEA,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, outbox_id)
);

CREATE INDEX outbox_by_due ON outbox (due_at);

-- One hash chain for each merchant, and the vault's own; `entry` is what was hashed, byte for byte.
CREATE TABLE audit_entries (
    merchant_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (merchant_id, sequence)
);

CREATE TABLE audit_heads (
    merchant_id TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    checkpointed BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE audit_checkpoints (
    number BIGINT PRIMARY KEY,
    body BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    key_id BIGINT NOT NULL,
    signature BYTEA NOT NULL
);
