-- add_merchants --
-- Numbered merchants; the prefix of their ids distinguishes them from all others.
INSERT INTO merchants (merchant_id, name, client_id, created_at)
WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count)
SELECT 'many_' || (100000000 + i), 'Merchant ' || i, 'MANY' || (100000000 + i), :now FROM numbers;

-- add_secrets --
-- One secret for each.
INSERT INTO merchant_secrets (merchant_id, secret_id, digest, sealed, created_at)
SELECT merchant_id, 'sec_' || merchant_id, :digest, :sealed, :now FROM merchants WHERE merchant_id LIKE 'many%';

-- add_keys --
-- One key for each merchant and purpose; they open nothing.
INSERT INTO keys (key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at, changed)
SELECT :first + ROW_NUMBER() OVER (ORDER BY merchant_id), :purpose, merchant_id, 1, 'active', :check_value, '', :wrapped,
    :now, ROW_NUMBER() OVER (ORDER BY merchant_id)
FROM merchants WHERE merchant_id LIKE 'many%';

-- count_changes --
-- Every added key counts as a change.
UPDATE vault SET key_changes = key_changes + :count;

-- add_heads --
-- One audit chain for each.
INSERT INTO audit_heads (merchant_id, sequence, hash)
SELECT merchant_id, 1, :hash FROM merchants WHERE merchant_id LIKE 'many%';

-- add_endpoints --
-- One webhook endpoint for each.
INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, created_at)
SELECT merchant_id, 'whe_' || merchant_id, 'https://merchant.example/' || merchant_id, :now
FROM merchants WHERE merchant_id LIKE 'many%';

-- move_chains --
-- Each chain grew within the last minute.
UPDATE audit_heads SET sequence = sequence + 1 WHERE merchant_id LIKE 'many%';

-- fail_endpoints --
-- Every endpoint failed, and a delivery is due for each.
UPDATE webhook_endpoints SET failure_count = 1, due_at = :now WHERE merchant_id LIKE 'many%';

-- reset_endpoints --
-- No delivery is due.
UPDATE webhook_endpoints SET failure_count = 0, due_at = NULL WHERE merchant_id LIKE 'many%';

-- add_replies --
-- One call under an idempotency key for each.
INSERT INTO idempotency_keys (merchant_id, idempotency_key, state, owner, fingerprint, fingerprint_key, held_until,
    expires_at, status, sealed, instrument_id)
SELECT merchant_id, :idempotency_key, 'settled', 'owner', :fingerprint, 1, :held_until, :expires_at, 200, :sealed, 'instrument'
FROM merchants WHERE merchant_id LIKE 'many%';

-- drop_replies --
-- The keys of an earlier round.
DELETE FROM idempotency_keys WHERE merchant_id LIKE 'many%';

-- add_tombstones --
-- One card for each that was deleted long ago.
INSERT INTO instruments (merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network,
    issuer, country, card_type, card_sub_type, instrument_uid, token_index, row_version)
SELECT merchant_id, 'customer', 'instrument', 'DELETED', 1, 1, 'local', '0000', 'visa', 'STATE BANK OF INDIA', 'IN',
    'credit_card', 'R', merchant_id, :token_index, 1
FROM merchants WHERE merchant_id LIKE 'many%';

-- add_presented --
-- One presented cryptogram for each, from long ago.
INSERT INTO presented (token_reference, key_index, psn, atc, presented_at)
WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count)
SELECT 'many_' || i, 1, 1, 1, 1 FROM numbers;

-- age_daily_keys --
-- The daily keys of idempotency are due for rotation.
UPDATE keys SET created_at = created_at - :by WHERE purpose IN ('idempotency', 'fingerprint');

-- analyze --
-- In a real database, PostgreSQL's autovacuum has done this.
ANALYZE;
