-- Acting once: which calls were made under which idempotency key, and what they were answered, sealed.
-- Until `held_until` the claim holds or, once it is settled, the reply; the key is taken until `expires_at`.

CREATE TABLE idempotency_keys (
    merchant_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'settled')),
    owner TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    fingerprint_key BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    status INTEGER,
    sealed BYTEA,
    instrument_id TEXT,
    PRIMARY KEY (merchant_id, idempotency_key)
);

CREATE INDEX idempotency_keys_by_instrument ON idempotency_keys (merchant_id, instrument_id);

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- Cryptograms alone are here: their replies die before their keys do.
CREATE INDEX idempotency_keys_by_reply ON idempotency_keys (held_until) WHERE state = 'settled' AND held_until < expires_at;

-- Calls a minute, where a merchant's differ from the vault's.
CREATE TABLE rate_limits (
    merchant_id TEXT NOT NULL REFERENCES merchants (merchant_id),
    operation TEXT NOT NULL,
    per_minute INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, operation)
);

-- Where several processes share a limit: the blocks of calls that were leased within the last minute, and when.
CREATE TABLE rate_windows (
    merchant_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    leases TEXT NOT NULL,
    held BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (merchant_id, operation)
);

-- A known client id costs as little as an unknown one: the index alone answers both.
CREATE INDEX merchants_by_client ON merchants (client_id, merchant_id);

ALTER TABLE merchant_secrets ADD COLUMN last_used_at BIGINT;

ALTER TABLE partner_keys ADD COLUMN last_used_at BIGINT;
