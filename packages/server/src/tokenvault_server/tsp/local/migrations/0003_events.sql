-- Changes that the issuer makes on its own: suspension, a new card, a new expiry, a new token number. Each is written here in
-- the transaction that makes it, and stays until the vault has acknowledged it.

-- A token is suspended as long as its issuer or its requestor has suspended it.
ALTER TABLE tokens ADD COLUMN issuer_suspended INTEGER NOT NULL DEFAULT 0;

ALTER TABLE tokens ADD COLUMN requestor_suspended INTEGER NOT NULL DEFAULT 0;

UPDATE tokens SET requestor_suspended = 1 WHERE status = 'SUSPENDED';

-- Ids sort by time. The merchant, and the new numbers and dates, stand in the sealed payload.
CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    token_reference TEXT NOT NULL,
    at BIGINT NOT NULL,
    status TEXT,
    suspended_by TEXT,
    sealed BYTEA NOT NULL
);

-- Numbers that a token had before its issuer replaced them: they are never given to another card.
CREATE TABLE former_numbers (
    token_index BYTEA PRIMARY KEY,
    token_reference TEXT NOT NULL
);
