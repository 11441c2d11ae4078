-- insert_outbox --
-- Written in the transaction of the act that it belongs to; it is done later, at least once.
INSERT INTO outbox (merchant_id, outbox_id, topic, token_index, sealed, created_at, due_at)
VALUES (:merchant_id, :outbox_id, :topic, :token_index, :sealed, :now, :due_at);

-- is_due_outbox --
-- Whether any task can be claimed. Run every second, and nearly always there is none.
SELECT 1 FROM outbox WHERE due_at <= :now AND claimed_until <= :now LIMIT 1; -- unscoped: the outbox serves every merchant

-- claim_outbox --
-- Claim the tasks that are due, oldest first. A second process that chose the same rows waits for the first to commit,
-- then checks each row again and finds it claimed.
UPDATE outbox SET claimed_by = :claim, claimed_until = :until
WHERE claimed_until <= :now AND (merchant_id, outbox_id) IN (
    SELECT merchant_id, outbox_id FROM outbox
    WHERE due_at <= :now AND claimed_until <= :now ORDER BY due_at LIMIT :limit
)
RETURNING merchant_id, outbox_id, topic, token_index, sealed, attempts, due_at; -- unscoped: the outbox serves every merchant

-- postpone_outbox --
-- The task failed: any process may try it again later. Without effect if the claim was lost.
UPDATE outbox SET attempts = attempts + 1, due_at = :due_at, claimed_by = '', claimed_until = 0
WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id AND claimed_by = :claim;

-- unclaim_outbox --
-- There was no time for the task: any process may try it at once.
UPDATE outbox SET claimed_by = '', claimed_until = 0
WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id AND claimed_by = :claim;

-- delete_outbox --
-- The task is done. No row is returned if the claim was lost: the process that has it now finishes the task.
DELETE FROM outbox WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id AND claimed_by = :claim
RETURNING outbox_id;

-- withdraw_outbox --
-- The task is no longer needed. No row is returned if it was done before: then the act that makes it needless must not
-- happen.
DELETE FROM outbox WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id RETURNING outbox_id;

-- state_of_outbox --
-- How many tasks are not done, and since when the oldest waits, among those that are due next. A failed task is due
-- later and later, so its due time does not show how old it is.
SELECT COUNT(*), MIN(created_at) FROM (
    SELECT created_at FROM outbox ORDER BY due_at LIMIT :limit
) AS next_due; -- unscoped: a metric of the whole vault

-- count_outbox --
-- For operators: how many tasks of a merchant are not done yet.
SELECT COUNT(*) FROM outbox WHERE merchant_id = :merchant_id;
