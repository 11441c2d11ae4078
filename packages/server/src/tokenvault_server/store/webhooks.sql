-- insert_endpoint --
-- A further URL that a merchant's notifications are posted to.
INSERT INTO webhook_endpoints (merchant_id, endpoint_id, partner_id, url, created_at)
VALUES (:merchant_id, :endpoint_id, :partner_id, :url, :created_at);

-- count_endpoints --
-- Each event is copied for each of them, so there is an end.
SELECT COUNT(*) FROM webhook_endpoints WHERE merchant_id = :merchant_id;

-- has_endpoints --
-- Most merchants may have none: then nothing is made to be told.
SELECT 1 FROM webhook_endpoints WHERE merchant_id = :merchant_id LIMIT 1;

-- list_endpoints --
-- For operators, oldest first.
SELECT merchant_id, endpoint_id, partner_id, url, created_at, failure_count FROM webhook_endpoints
WHERE merchant_id = :merchant_id ORDER BY created_at, endpoint_id;

-- list_all_endpoints --
-- The same of every merchant.
SELECT merchant_id, endpoint_id, partner_id, url, created_at, failure_count FROM webhook_endpoints
ORDER BY merchant_id, created_at, endpoint_id; -- unscoped: operators see every merchant

-- delete_endpoint --
-- Nothing is sent there any more. The row that comes back says that it was there.
DELETE FROM webhook_endpoints WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id RETURNING endpoint_id;

-- delete_deliveries --
-- What an endpoint was sent goes with it.
DELETE FROM webhook_deliveries WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id;

-- endpoints_to_tell --
-- Whom an event concerns: a partner only for as long as it may act for the merchant.
SELECT endpoint_id FROM webhook_endpoints
WHERE merchant_id = :merchant_id AND (partner_id IS NULL OR EXISTS (
    SELECT 1 FROM partner_links
    WHERE partner_links.merchant_id = webhook_endpoints.merchant_id
    AND partner_links.partner_id = webhook_endpoints.partner_id
))
ORDER BY endpoint_id;

-- queue --
-- Give the event a number at an endpoint, and wake its worker. Whoever is given a number holds the endpoint's row
-- until the commit: so numbers become true in their order, and a worker that looks for the next one waits.
UPDATE webhook_endpoints
SET last_number = last_number + 1, due_at = CASE WHEN due_at < :now THEN due_at ELSE :now END
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id
RETURNING last_number;

-- insert_event --
-- Written in the transaction that made it true.
INSERT INTO webhook_events (merchant_id, event_id, instrument_id, event_type, sealed, created_at, forget_at)
VALUES (:merchant_id, :event_id, :instrument_id, :event_type, :sealed, :created_at, :forget_at);

-- latest_due --
-- Until when those that stand in line before it wait: nothing overtakes what is older about the same instrument. The plus
-- keeps planners from walking the whole queue in the order of its times, which they take for the shorter way.
SELECT MAX(+due_at) FROM webhook_deliveries
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND instrument_id = :instrument_id AND state = 'pending';

-- insert_delivery --
-- One endpoint is to be told of one event.
INSERT INTO webhook_deliveries (merchant_id, endpoint_id, number, event_id, instrument_id, state, due_at)
VALUES (:merchant_id, :endpoint_id, :number, :event_id, :instrument_id, 'pending', :due_at);

-- waiting_endpoints --
-- Those that have something to send, whose last turn is longest ago first: of those that answer, or of those that failed
-- the last time.
SELECT merchant_id, endpoint_id FROM webhook_endpoints
WHERE due_at <= :now AND claimed_until <= :now AND failure_count BETWEEN :least AND :most
ORDER BY claimed_until, due_at LIMIT :limit; -- unscoped: the worker serves every merchant

-- claim_endpoint --
-- Take it, if it still waits: of several workers that chose it one does.
UPDATE webhook_endpoints SET claimed_by = :claim, claimed_until = :until
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND due_at <= :now AND claimed_until <= :now
RETURNING merchant_id, endpoint_id, partner_id, url, created_at, failure_count;

-- is_due --
-- Whether a worker has anything to claim.
SELECT 1 FROM webhook_endpoints
WHERE due_at <= :now AND claimed_until <= :now LIMIT 1; -- unscoped: the worker serves every merchant

-- keep_endpoint --
-- The worker goes on. No row comes back when another one has taken over.
UPDATE webhook_endpoints SET claimed_until = :until
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND claimed_by = :claim
RETURNING endpoint_id;

-- release_endpoint --
-- The worker is done for now. From here to the end of the transaction nobody queues anything for this endpoint.
UPDATE webhook_endpoints SET claimed_by = '', claimed_until = :now, failure_count = :failure_count
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND claimed_by = :claim
RETURNING endpoint_id;

-- next_due --
-- When the next one waits to be sent; NULL when none does.
SELECT MIN(due_at) FROM webhook_deliveries
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND state = 'pending';

-- wake_endpoint_at --
-- Look again then.
UPDATE webhook_endpoints SET due_at = :due_at
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id;

-- due_deliveries --
-- What can be sent now: of each instrument the oldest only.
SELECT delivery.number, delivery.event_id, delivery.attempt_count, event.sealed
FROM webhook_deliveries AS delivery
JOIN webhook_events AS event ON event.merchant_id = delivery.merchant_id AND event.event_id = delivery.event_id
WHERE delivery.merchant_id = :merchant_id AND delivery.endpoint_id = :endpoint_id
AND delivery.state = 'pending' AND delivery.due_at <= :now
AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries AS older
    WHERE older.merchant_id = delivery.merchant_id AND older.endpoint_id = delivery.endpoint_id
    AND older.instrument_id = delivery.instrument_id AND older.number < delivery.number AND older.state = 'pending'
)
ORDER BY delivery.due_at, delivery.number LIMIT :limit;

-- settle_delivery --
-- An attempt has ended. It counts only while the endpoint is claimed, and only once.
UPDATE webhook_deliveries
SET state = :state, attempt_count = attempt_count + 1, due_at = :due_at, outcome = :outcome, answered = :answered,
    settled_at = :settled_at
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND number = :number
AND state = 'pending' AND attempt_count = :attempt_count AND EXISTS (
    SELECT 1 FROM webhook_endpoints AS endpoint
    WHERE endpoint.merchant_id = webhook_deliveries.merchant_id
    AND endpoint.endpoint_id = webhook_deliveries.endpoint_id AND endpoint.claimed_by = :claim
)
RETURNING instrument_id;

-- hold_line --
-- It will be tried again: what stands in line behind it waits as long. The plus as above.
UPDATE webhook_deliveries SET due_at = :due_at
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND instrument_id = :instrument_id
AND state = 'pending' AND +due_at < :due_at;

-- list_deliveries --
-- For operators, newest first, by the key of the events: as many are read as are listed, and whoever asks sorts what
-- belongs to one event.
SELECT event.event_id, event.event_type, event.instrument_id, delivery.endpoint_id, delivery.number, delivery.state,
    delivery.attempt_count, delivery.outcome, delivery.answered, event.created_at, delivery.due_at, delivery.settled_at
FROM webhook_events AS event
CROSS JOIN webhook_deliveries AS delivery
WHERE event.merchant_id = :merchant_id AND delivery.state IN (:first, :second, :third)
AND delivery.merchant_id = event.merchant_id AND delivery.event_id = event.event_id
ORDER BY event.event_id DESC LIMIT :limit;

-- deliveries_of_event --
-- Whom an event was sent to, and how often. Sorted by what is no column: else a planner may walk through all rows of a
-- merchant, since they lie in that order.
SELECT event.event_id, event.event_type, event.instrument_id, delivery.endpoint_id, delivery.number, delivery.state,
    delivery.attempt_count, delivery.outcome, delivery.answered, event.created_at, delivery.due_at, delivery.settled_at
FROM webhook_events AS event
JOIN webhook_deliveries AS delivery
ON delivery.merchant_id = event.merchant_id AND delivery.event_id = event.event_id
WHERE event.merchant_id = :merchant_id AND event.event_id = :event_id
ORDER BY delivery.endpoint_id || '', delivery.number;

-- load_event --
-- What was sent, to show it or to send it again.
SELECT merchant_id, event_id, instrument_id, event_type, sealed, created_at, forget_at FROM webhook_events
WHERE merchant_id = :merchant_id AND event_id = :event_id;

-- forget_events_of --
-- Its card was deleted: nothing of it is kept longer than it takes to tell whoever waits.
UPDATE webhook_events SET forget_at = :now
WHERE merchant_id = :merchant_id AND instrument_id = :instrument_id AND forget_at > :now;

-- sweep_events --
-- Drop what was told, or given up, long enough ago.
DELETE FROM webhook_events WHERE (merchant_id, event_id) IN (
    SELECT event.merchant_id, event.event_id FROM webhook_events AS event
    WHERE event.forget_at <= :now AND NOT EXISTS (
        SELECT 1 FROM webhook_deliveries AS delivery
        WHERE delivery.merchant_id = event.merchant_id AND delivery.event_id = event.event_id
        AND delivery.state = 'pending'
    )
    ORDER BY event.forget_at LIMIT :limit
)
RETURNING merchant_id, event_id; -- unscoped: the worker serves every merchant

-- sweep_deliveries --
-- What became of telling an event goes with it.
DELETE FROM webhook_deliveries WHERE merchant_id = :merchant_id AND event_id = :event_id;

-- merchants_signing_secret --
-- With two live secrets the older one signs until it ends: whoever verifies knows it for certain.
SELECT secret_id, sealed FROM merchant_secrets
WHERE merchant_id = :merchant_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
ORDER BY created_at, secret_id LIMIT 1;

-- partners_signing_key --
-- The same for a partner, while it acts for the merchant.
SELECT held.secret_id, held.sealed
FROM partner_links AS link JOIN partner_keys AS held ON held.partner_id = link.partner_id
WHERE link.merchant_id = :merchant_id AND link.partner_id = :partner_id
AND held.revoked_at IS NULL AND (held.expires_at IS NULL OR held.expires_at > :now)
ORDER BY held.created_at, held.secret_id LIMIT 1;

-- how_late --
-- How many endpoints fail, and since when the longest waiting one waits.
SELECT COUNT(CASE WHEN failure_count > 0 THEN 1 END), MIN(due_at)
FROM webhook_endpoints; -- unscoped: a metric of the whole vault
