-- insert_outbox --
-- Written in the transaction that made it true; a worker delivers it, at least once.
INSERT INTO outbox (merchant_id, outbox_id, topic, token_index, sealed, created_at, due_at)
VALUES (:merchant_id, :outbox_id, :topic, :token_index, :sealed, :now, :due_at);

-- is_due_outbox --
-- Whether a worker has anything to claim: asked every second, and nearly always nothing.
SELECT 1 FROM outbox WHERE due_at <= :now AND claimed_until <= :now LIMIT 1; -- unscoped: the worker serves every merchant

-- claim_outbox --
-- What a worker should try now, oldest first, and nobody else until then. A second worker that chose the same rows
-- looks at each again when the first has written it, and finds it claimed.
UPDATE outbox SET claimed_by = :claim, claimed_until = :until
WHERE claimed_until <= :now AND (merchant_id, outbox_id) IN (
    SELECT merchant_id, outbox_id FROM outbox
    WHERE due_at <= :now AND claimed_until <= :now ORDER BY due_at LIMIT :limit
)
RETURNING merchant_id, outbox_id, topic, token_index, sealed, attempts, due_at; -- unscoped: the worker serves every merchant

-- postpone_outbox --
-- It failed: try again later, whoever does. Nothing happens if the claim was lost.
UPDATE outbox SET attempts = attempts + 1, due_at = :due_at, claimed_by = '', claimed_until = 0
WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id AND claimed_by = :claim;

-- unclaim_outbox --
-- There was no time for it: somebody else may try at once.
UPDATE outbox SET claimed_by = '', claimed_until = 0
WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id AND claimed_by = :claim;

-- delete_outbox --
-- Delivered. Nothing comes back if the claim was lost: whoever has it now finishes.
DELETE FROM outbox WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id AND claimed_by = :claim
RETURNING outbox_id;

-- withdraw_outbox --
-- It need not be done any more. Nothing comes back if it was done already: then what made it needless must not happen.
DELETE FROM outbox WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id RETURNING outbox_id;
