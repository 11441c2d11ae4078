-- The local token service's first schema. Types are those that SQLite and PostgreSQL share; times are microseconds UTC.
-- What identifies a card or says whose it is stands in sealed records only, and is found by keyed indexes.

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

-- Who asks for tokens: one id for a merchant at a network.
CREATE TABLE requestors (
    merchant_index BYTEA NOT NULL,
    network TEXT NOT NULL,
    trid TEXT NOT NULL UNIQUE,
    PRIMARY KEY (merchant_index, network)
);

-- The counter of a token is the pair (psn, atc): when atc has reached its end, psn steps and atc begins again.
CREATE TABLE tokens (
    token_reference TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'SUSPENDED', 'EXPIRED', 'DELETED')),
    network TEXT NOT NULL,
    trid TEXT NOT NULL,
    last4 TEXT NOT NULL,
    psn INTEGER NOT NULL CHECK (psn BETWEEN 0 AND 99),
    atc INTEGER NOT NULL CHECK (atc BETWEEN 0 AND 65535),
    token_expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    row_version BIGINT NOT NULL,
    token_index BYTEA NOT NULL UNIQUE,
    card_index BYTEA,
    sealed BYTEA
);

-- One living token for a card, merchant and customer.
CREATE UNIQUE INDEX tokens_living ON tokens (card_index) WHERE status IN ('ACTIVE', 'SUSPENDED');

-- For which sum a cryptogram was made, where its caller bound one.
CREATE TABLE bound_amounts (
    token_reference TEXT NOT NULL,
    psn INTEGER NOT NULL,
    atc INTEGER NOT NULL,
    minor_units BIGINT NOT NULL,
    currency TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    PRIMARY KEY (token_reference, psn, atc)
);

CREATE INDEX bound_amounts_by_age ON bound_amounts (issued_at);

-- Cryptograms that were presented and taken; each row can be written once.
CREATE TABLE presented (
    token_reference TEXT NOT NULL,
    key_index INTEGER NOT NULL,
    psn INTEGER NOT NULL,
    atc INTEGER NOT NULL,
    presented_at BIGINT NOT NULL,
    PRIMARY KEY (token_reference, key_index, psn, atc)
);

CREATE INDEX presented_by_age ON presented (presented_at);
