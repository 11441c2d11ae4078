-- load_key --
-- What became of the call that this key was first used for.
SELECT state, owner, fingerprint, fingerprint_key, held_until, expires_at, status, sealed FROM idempotency_keys
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND expires_at > :now;

-- claim_key --
-- The first caller takes the key, or the first one after it has expired. No row comes back to everybody else.
INSERT INTO idempotency_keys (merchant_id, idempotency_key, state, owner, fingerprint, fingerprint_key, held_until, expires_at)
VALUES (:merchant_id, :idempotency_key, 'running', :owner, :fingerprint, :fingerprint_key, :held_until, :expires_at)
ON CONFLICT (merchant_id, idempotency_key) DO UPDATE
SET state = 'running', owner = excluded.owner, fingerprint = excluded.fingerprint, fingerprint_key = excluded.fingerprint_key,
    held_until = excluded.held_until, expires_at = excluded.expires_at, status = NULL, sealed = NULL, instrument_id = NULL
WHERE idempotency_keys.expires_at <= :now
RETURNING owner;

-- take_over_key --
-- Nobody holds the key any more: its lease ran out before it settled, or the reply has died. One alone inherits it.
UPDATE idempotency_keys
SET state = 'running', owner = :owner, held_until = :held_until, status = NULL, sealed = NULL, instrument_id = NULL
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND owner = :previous AND held_until <= :now
RETURNING owner;

-- settle_key --
-- In the transaction of the act itself. No row comes back when the lease was lost, and then nothing is committed.
UPDATE idempotency_keys
SET state = 'settled', status = :status, sealed = :sealed, held_until = :held_until, instrument_id = :instrument_id
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND owner = :owner AND state = 'running'
RETURNING owner;

-- release_key --
-- The call failed on our side: a repeat may act.
DELETE FROM idempotency_keys
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND owner = :owner AND state = 'running';

-- purge_replies --
-- A deleted card takes with it what was answered about it.
UPDATE idempotency_keys SET sealed = NULL
WHERE merchant_id = :merchant_id AND instrument_id = :instrument_id AND state = 'settled';

-- bury_replies --
-- Replies that died before their keys go; the keys stay taken for the same calls, which may act again. What must hold is
-- said twice: of the rows that were chosen one may have been waited for. The plus has them found by their names.
UPDATE idempotency_keys SET state = 'running', status = NULL, sealed = NULL, instrument_id = NULL
WHERE state = 'settled' AND +held_until < expires_at AND +held_until <= :now AND (merchant_id, idempotency_key) IN (
    SELECT merchant_id, idempotency_key FROM idempotency_keys
    WHERE state = 'settled' AND held_until < expires_at AND held_until <= :now ORDER BY held_until LIMIT :limit
)
RETURNING owner; -- unscoped: housekeeping for every merchant alike

-- sweep_keys --
-- Keys are forgotten after their time. Said twice, and with a plus, as above: one may just have been used anew.
DELETE FROM idempotency_keys WHERE +expires_at <= :now AND (merchant_id, idempotency_key) IN (
    SELECT merchant_id, idempotency_key FROM idempotency_keys WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
)
RETURNING owner; -- unscoped: housekeeping for every merchant alike

-- find_fingerprint --
-- Whether a fingerprint that still counts was made with a key.
SELECT 1 FROM idempotency_keys WHERE fingerprint_key = :key_id AND expires_at > :now LIMIT 1; -- unscoped: one key serves every merchant

-- find_reply --
-- Whether a reply that still counts was sealed with a key; sealed records name theirs after two bytes.
SELECT 1 FROM idempotency_keys
WHERE sealed IS NOT NULL AND substr(sealed, 3, 4) = :named AND expires_at > :now LIMIT 1; -- unscoped: one key serves every merchant
