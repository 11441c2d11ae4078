-- When merchants last signed in by signature. The keys themselves are among all others, in `keys`.

CREATE TABLE signature_key_uses (
    merchant_id TEXT NOT NULL REFERENCES merchants (merchant_id),
    secret_id TEXT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, secret_id)
);
