-- add_merchants --
-- Merchants by number; all others here are told by their names.
INSERT INTO merchants (merchant_id, name, client_id, created_at)
WITH RECURSIVE crowd (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM crowd WHERE i < :count)
SELECT 'crowd_' || (100000000 + i), 'Merchant ' || i, 'CROWD' || (100000000 + i), :now FROM crowd;

-- add_secrets --
-- What each would sign in with.
INSERT INTO merchant_secrets (merchant_id, secret_id, digest, sealed, created_at)
SELECT merchant_id, 'sec_' || merchant_id, :digest, :sealed, :now FROM merchants WHERE merchant_id LIKE 'crowd%';

-- add_keys --
-- Each has a key of its own for every purpose; they open nothing.
INSERT INTO keys (key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at, changed)
SELECT :first + ROW_NUMBER() OVER (ORDER BY merchant_id), :purpose, merchant_id, 1, 'active', :check_value, '', :wrapped,
    :now, ROW_NUMBER() OVER (ORDER BY merchant_id)
FROM merchants WHERE merchant_id LIKE 'crowd%';

-- count_changes --
-- Each key was counted when it was added.
UPDATE vault SET key_changes = key_changes + :count;

-- add_heads --
-- Each has a chain, covered by a checkpoint so far.
INSERT INTO audit_heads (merchant_id, sequence, hash, checkpointed)
SELECT merchant_id, 1, :hash, 1 FROM merchants WHERE merchant_id LIKE 'crowd%';

-- add_endpoints --
-- Each is told by webhook.
INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, created_at)
SELECT merchant_id, 'whe_' || merchant_id, 'https://merchant.example/' || merchant_id, :now
FROM merchants WHERE merchant_id LIKE 'crowd%';

-- move_chains --
-- Each acted within the last minute.
UPDATE audit_heads SET sequence = sequence + 1 WHERE merchant_id LIKE 'crowd%';

-- fail_endpoints --
-- None was reached, and something waits for each.
UPDATE webhook_endpoints SET failure_count = 1, due_at = :now WHERE merchant_id LIKE 'crowd%';

-- calm_endpoints --
-- Nothing waits.
UPDATE webhook_endpoints SET failure_count = 0, due_at = NULL WHERE merchant_id LIKE 'crowd%';

-- add_replies --
-- Each called once under a key.
INSERT INTO idempotency_keys (merchant_id, idempotency_key, state, owner, fingerprint, fingerprint_key, held_until,
    expires_at, status, sealed, instrument_id)
SELECT merchant_id, :idempotency_key, 'settled', 'owner', :fingerprint, 1, :held_until, :expires_at, 200, :sealed, 'instrument'
FROM merchants WHERE merchant_id LIKE 'crowd%';

-- drop_replies --
-- Those of an earlier round.
DELETE FROM idempotency_keys WHERE merchant_id LIKE 'crowd%';

-- add_tombstones --
-- Each has a saved card that was deleted long ago.
INSERT INTO instruments (merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network,
    issuer, country, card_type, card_sub_type, instrument_uid, token_index, row_version)
SELECT merchant_id, 'customer', 'instrument', 'DELETED', 1, 1, 'local', '0000', 'visa', 'STATE BANK OF INDIA', 'IN',
    'credit_card', 'R', merchant_id, :token_index, 1
FROM merchants WHERE merchant_id LIKE 'crowd%';

-- add_presented --
-- Each presented a cryptogram to the token service long ago.
INSERT INTO presented (token_reference, key_index, psn, atc, presented_at)
WITH RECURSIVE crowd (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM crowd WHERE i < :count)
SELECT 'crowd_' || i, 1, 1, 1, 1 FROM crowd;

-- age_daily_keys --
-- The keys behind idempotency are due for others.
UPDATE keys SET created_at = created_at - :by WHERE purpose IN ('idempotency', 'fingerprint');

-- analyze --
-- What PostgreSQL's autovacuum would have done by then.
ANALYZE;
