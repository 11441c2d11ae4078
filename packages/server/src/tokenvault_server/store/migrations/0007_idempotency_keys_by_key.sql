-- Before one of the daily keys is destroyed it is asked whether a live row was made with it: that must not take a look at
-- every call of a day. A sealed reply names its key after two bytes.

CREATE INDEX idempotency_keys_by_fingerprint ON idempotency_keys (fingerprint_key, expires_at);

CREATE INDEX idempotency_keys_by_seal ON idempotency_keys (substr(sealed, 3, 4), expires_at) WHERE sealed IS NOT NULL;
