-- load_key --
-- The call that a key was first used for, with its state and reply.
SELECT state, owner, fingerprint, fingerprint_key, held_until, expires_at, status, sealed FROM idempotency_keys
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND expires_at > :now;

-- claim_key --
-- Claim a key that is new or has expired. No row is returned when another call has it.
INSERT INTO idempotency_keys (merchant_id, idempotency_key, state, owner, fingerprint, fingerprint_key, held_until, expires_at)
VALUES (:merchant_id, :idempotency_key, 'running', :owner, :fingerprint, :fingerprint_key, :held_until, :expires_at)
ON CONFLICT (merchant_id, idempotency_key) DO UPDATE
SET state = 'running', owner = excluded.owner, fingerprint = excluded.fingerprint, fingerprint_key = excluded.fingerprint_key,
    held_until = excluded.held_until, expires_at = excluded.expires_at, status = NULL, sealed = NULL, instrument_id = NULL
WHERE idempotency_keys.expires_at <= :now
RETURNING owner;

-- reclaim_key --
-- Take over a key whose lease ended before it was settled, or whose reply has ended. Naming the previous owner lets only
-- one call succeed.
UPDATE idempotency_keys
SET state = 'running', owner = :owner, held_until = :held_until, status = NULL, sealed = NULL, instrument_id = NULL
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND owner = :previous AND held_until <= :now
RETURNING owner;

-- settle_key --
-- In the transaction of the act itself. No row is returned when the lease was lost; then nothing is committed.
UPDATE idempotency_keys
SET state = 'settled', status = :status, sealed = :sealed, held_until = :held_until, instrument_id = :instrument_id
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND owner = :owner AND state = 'running'
RETURNING owner;

-- release_key --
-- The call failed on our side: a repeat may act.
DELETE FROM idempotency_keys
WHERE merchant_id = :merchant_id AND idempotency_key = :idempotency_key AND owner = :owner AND state = 'running';

-- purge_replies --
-- A card was deleted: so are the replies that describe it.
UPDATE idempotency_keys SET sealed = NULL
WHERE merchant_id = :merchant_id AND instrument_id = :instrument_id AND state = 'settled';

-- drop_ended_replies --
-- Delete replies that ended before their keys. The keys stay claimed for the same calls, which may act again. The
-- condition stands twice, because a chosen row may have changed while this statement waited for its lock. The plus signs
-- make planners find the outer rows by their primary key.
UPDATE idempotency_keys SET state = 'running', status = NULL, sealed = NULL, instrument_id = NULL
WHERE state = 'settled' AND +held_until < expires_at AND +held_until <= :now AND (merchant_id, idempotency_key) IN (
    SELECT merchant_id, idempotency_key FROM idempotency_keys
    WHERE state = 'settled' AND held_until < expires_at AND held_until <= :now ORDER BY held_until LIMIT :limit
)
RETURNING owner; -- unscoped: it sweeps every merchant's rows

-- sweep_keys --
-- Delete keys whose time is over. The condition stands twice, with a plus sign, as in drop_ended_replies: a key may just
-- have been claimed again.
DELETE FROM idempotency_keys WHERE +expires_at <= :now AND (merchant_id, idempotency_key) IN (
    SELECT merchant_id, idempotency_key FROM idempotency_keys WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
)
RETURNING owner; -- unscoped: it sweeps every merchant's rows

-- find_fingerprint --
-- Whether any fingerprint of a key that has not expired was made with this key.
SELECT 1 FROM idempotency_keys WHERE fingerprint_key = :key_id AND expires_at > :now LIMIT 1; -- unscoped: one key serves every merchant

-- find_reply --
-- Whether any reply of a key that has not expired was sealed with this key. A sealed record holds its key id after two
-- bytes.
SELECT 1 FROM idempotency_keys
WHERE sealed IS NOT NULL AND substr(sealed, 3, 4) = :key_id_bytes AND expires_at > :now LIMIT 1; -- unscoped: one key serves every merchant
