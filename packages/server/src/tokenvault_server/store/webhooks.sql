-- insert_endpoint --
-- One more URL that a merchant's events are posted to.
INSERT INTO webhook_endpoints (merchant_id, endpoint_id, partner_id, url, created_at)
VALUES (:merchant_id, :endpoint_id, :partner_id, :url, :created_at);

-- count_endpoints --
-- Each event has a delivery for each endpoint, so their number is limited.
SELECT COUNT(*) FROM webhook_endpoints WHERE merchant_id = :merchant_id;

-- has_endpoints --
-- Most merchants may have none: then no event is made.
SELECT 1 FROM webhook_endpoints WHERE merchant_id = :merchant_id LIMIT 1;

-- list_endpoints --
-- For operators: the endpoints of a merchant, oldest first.
SELECT merchant_id, endpoint_id, partner_id, url, created_at, failure_count, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = webhook_endpoints.merchant_id AND row_tags.kind = 'webhook_endpoint'
        AND row_tags.row_id = webhook_endpoints.endpoint_id
) FROM webhook_endpoints
WHERE merchant_id = :merchant_id ORDER BY created_at, endpoint_id;

-- list_all_endpoints --
-- For operators: the endpoints of every merchant.
SELECT merchant_id, endpoint_id, partner_id, url, created_at, failure_count, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = webhook_endpoints.merchant_id AND row_tags.kind = 'webhook_endpoint'
        AND row_tags.row_id = webhook_endpoints.endpoint_id
) FROM webhook_endpoints
ORDER BY merchant_id, created_at, endpoint_id; -- unscoped: operators see every merchant

-- delete_endpoint --
-- The returned row shows that the endpoint existed.
DELETE FROM webhook_endpoints WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id RETURNING endpoint_id;

-- delete_deliveries --
-- The deliveries of a deleted endpoint.
DELETE FROM webhook_deliveries WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id;

-- endpoints_for_event --
-- The endpoints that get an event. A partner's endpoint counts only while the partner may act for the merchant.
SELECT endpoint_id FROM webhook_endpoints
WHERE merchant_id = :merchant_id AND (partner_id IS NULL OR EXISTS (
    SELECT 1 FROM partner_links
    WHERE partner_links.merchant_id = webhook_endpoints.merchant_id
    AND partner_links.partner_id = webhook_endpoints.partner_id
))
ORDER BY endpoint_id;

-- next_delivery_number --
-- Take the next delivery number of an endpoint, and make the endpoint due. The row stays locked until the commit, so
-- numbers are committed in their order, and a transaction that releases the endpoint waits.
UPDATE webhook_endpoints
SET last_number = last_number + 1, due_at = CASE WHEN due_at < :now THEN due_at ELSE :now END
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id
RETURNING last_number;

-- insert_event --
-- Written in the transaction that changes the saved card.
INSERT INTO webhook_events (merchant_id, event_id, instrument_id, event_type, sealed, created_at, forget_at)
VALUES (:merchant_id, :event_id, :instrument_id, :event_type, :sealed, :created_at, :forget_at);

-- latest_due --
-- When the last pending delivery about the same instrument is due: a newer one must not overtake it. Without the plus
-- sign, planners scan the whole queue in the order of `due_at`, which they take for the shorter way.
SELECT MAX(+due_at) FROM webhook_deliveries
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND instrument_id = :instrument_id AND state = 'pending';

-- insert_delivery --
-- One event for one endpoint.
INSERT INTO webhook_deliveries (merchant_id, endpoint_id, number, event_id, instrument_id, state, due_at)
VALUES (:merchant_id, :endpoint_id, :number, :event_id, :instrument_id, 'pending', :due_at);

-- due_endpoints --
-- Endpoints with something to send, among those that answered or those that failed in their last batch. The one whose
-- last batch is longest ago comes first. The endpoints of suspended merchants and partners wait.
SELECT merchant_id, endpoint_id FROM webhook_endpoints
WHERE due_at <= :now AND claimed_until <= :now AND failure_count BETWEEN :least AND :most
AND NOT EXISTS (
    SELECT 1 FROM merchants
    WHERE merchants.merchant_id = webhook_endpoints.merchant_id AND merchants.state <> 'active'
) AND NOT EXISTS (
    SELECT 1 FROM partners
    WHERE partners.partner_id = webhook_endpoints.partner_id AND partners.state <> 'active'
)
ORDER BY claimed_until, due_at LIMIT :limit; -- unscoped: deliveries serve every merchant

-- claim_endpoint --
-- Claim it if it is still due and unclaimed: of several processes that chose it, one succeeds.
UPDATE webhook_endpoints SET claimed_by = :claim, claimed_until = :until
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND due_at <= :now AND claimed_until <= :now
RETURNING merchant_id, endpoint_id, partner_id, url, created_at, failure_count, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = webhook_endpoints.merchant_id AND row_tags.kind = 'webhook_endpoint'
        AND row_tags.row_id = webhook_endpoints.endpoint_id
);

-- is_due --
-- Whether there is an endpoint to claim.
SELECT 1 FROM webhook_endpoints
WHERE due_at <= :now AND claimed_until <= :now
AND NOT EXISTS (
    SELECT 1 FROM merchants
    WHERE merchants.merchant_id = webhook_endpoints.merchant_id AND merchants.state <> 'active'
) AND NOT EXISTS (
    SELECT 1 FROM partners
    WHERE partners.partner_id = webhook_endpoints.partner_id AND partners.state <> 'active'
)
LIMIT 1; -- unscoped: deliveries serve every merchant

-- extend_claim --
-- No row is returned when another process has claimed the endpoint since.
UPDATE webhook_endpoints SET claimed_until = :until
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND claimed_by = :claim
RETURNING endpoint_id;

-- release_endpoint --
-- End the claim. Until this transaction ends, the row is locked and nobody adds a delivery to this endpoint.
UPDATE webhook_endpoints SET claimed_by = '', claimed_until = :now, failure_count = :failure_count
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND claimed_by = :claim
RETURNING endpoint_id;

-- next_due --
-- When the endpoint's next delivery is due; NULL when none is pending.
SELECT MIN(due_at) FROM webhook_deliveries
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND state = 'pending';

-- schedule_endpoint --
-- Set when the endpoint is due again; NULL when it has nothing to send.
UPDATE webhook_endpoints SET due_at = :due_at
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id;

-- due_deliveries --
-- The deliveries that can be sent now: for each instrument its oldest pending one. None while the merchant or the
-- partner is suspended, so that a batch that has begun ends.
SELECT delivery.number, delivery.event_id, delivery.attempt_count, event.sealed
FROM webhook_deliveries AS delivery
JOIN webhook_events AS event ON event.merchant_id = delivery.merchant_id AND event.event_id = delivery.event_id
WHERE delivery.merchant_id = :merchant_id AND delivery.endpoint_id = :endpoint_id
AND delivery.state = 'pending' AND delivery.due_at <= :now
AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries AS older
    WHERE older.merchant_id = delivery.merchant_id AND older.endpoint_id = delivery.endpoint_id
    AND older.instrument_id = delivery.instrument_id AND older.number < delivery.number AND older.state = 'pending'
) AND NOT EXISTS (
    SELECT 1 FROM merchants WHERE merchants.merchant_id = :merchant_id AND merchants.state <> 'active'
) AND NOT EXISTS (
    SELECT 1 FROM partners WHERE partners.partner_id = :partner_id AND partners.state <> 'active'
)
ORDER BY delivery.due_at, delivery.number LIMIT :limit;

-- settle_delivery --
-- The result of an attempt. It counts only while the claim is valid, and only once.
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

-- delay_later_deliveries --
-- The delivery will be tried again: later ones about the same instrument wait as long. For the plus sign see latest_due.
UPDATE webhook_deliveries SET due_at = :due_at
WHERE merchant_id = :merchant_id AND endpoint_id = :endpoint_id AND instrument_id = :instrument_id
AND state = 'pending' AND +due_at < :due_at;

-- list_deliveries --
-- For operators: newest event first, in the order of the events' primary key, so that no more rows are read than are
-- listed. The caller sorts the deliveries of one event.
SELECT event.event_id, event.event_type, event.instrument_id, delivery.endpoint_id, delivery.number, delivery.state,
    delivery.attempt_count, delivery.outcome, delivery.answered, event.created_at, delivery.due_at, delivery.settled_at
FROM webhook_events AS event
CROSS JOIN webhook_deliveries AS delivery
WHERE event.merchant_id = :merchant_id AND delivery.state IN (:first, :second, :third)
AND delivery.merchant_id = event.merchant_id AND delivery.event_id = event.event_id
ORDER BY event.event_id DESC LIMIT :limit;

-- deliveries_of_event --
-- The deliveries of one event. Sorted by an expression: by the plain column, a planner may scan all rows of a merchant,
-- because they are stored in that order.
SELECT event.event_id, event.event_type, event.instrument_id, delivery.endpoint_id, delivery.number, delivery.state,
    delivery.attempt_count, delivery.outcome, delivery.answered, event.created_at, delivery.due_at, delivery.settled_at
FROM webhook_events AS event
JOIN webhook_deliveries AS delivery
ON delivery.merchant_id = event.merchant_id AND delivery.event_id = event.event_id
WHERE event.merchant_id = :merchant_id AND event.event_id = :event_id
ORDER BY delivery.endpoint_id || '', delivery.number;

-- load_event --
-- An event, to show it or to send it again.
SELECT merchant_id, event_id, instrument_id, event_type, sealed, created_at, forget_at FROM webhook_events
WHERE merchant_id = :merchant_id AND event_id = :event_id;

-- forget_events_of --
-- The card was deleted: its events are kept only until their pending deliveries are settled.
UPDATE webhook_events SET forget_at = :now
WHERE merchant_id = :merchant_id AND instrument_id = :instrument_id AND forget_at > :now;

-- sweep_events --
-- Delete events whose time is over and of which no delivery is pending.
DELETE FROM webhook_events WHERE (merchant_id, event_id) IN (
    SELECT event.merchant_id, event.event_id FROM webhook_events AS event
    WHERE event.forget_at <= :now AND NOT EXISTS (
        SELECT 1 FROM webhook_deliveries AS delivery
        WHERE delivery.merchant_id = event.merchant_id AND delivery.event_id = event.event_id
        AND delivery.state = 'pending'
    )
    ORDER BY event.forget_at LIMIT :limit
)
RETURNING merchant_id, event_id; -- unscoped: deliveries serve every merchant

-- sweep_deliveries --
-- The deliveries of a deleted event.
DELETE FROM webhook_deliveries WHERE merchant_id = :merchant_id AND event_id = :event_id;

-- merchants_signing_secrets --
-- The live secrets of a merchant, oldest first. With two, the older one signs until it ends: every receiver is certain
-- to know it.
SELECT merchant_id, secret_id, digest, created_at, expires_at, revoked_at, last_used_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = merchant_secrets.merchant_id AND row_tags.kind = 'merchant_secret'
        AND row_tags.row_id = merchant_secrets.secret_id
), sealed FROM merchant_secrets
WHERE merchant_id = :merchant_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
ORDER BY created_at, secret_id;

-- partners_signing_keys --
-- The same for a partner, while it acts for the merchant.
SELECT live.partner_id, live.secret_id, live.digest, live.created_at, live.expires_at, live.revoked_at,
    live.last_used_at, kt.tag, live.sealed, link.merchant_id, link.partner_id, link.created_at, lt.tag
FROM partner_links AS link JOIN partner_keys AS live ON live.partner_id = link.partner_id
    LEFT JOIN row_tags kt ON kt.merchant_id = :chain AND kt.kind = 'partner_key' AND kt.row_id = live.secret_id
    LEFT JOIN row_tags lt ON lt.merchant_id = link.merchant_id AND lt.kind = 'partner_link'
        AND lt.row_id = link.partner_id
WHERE link.merchant_id = :merchant_id AND link.partner_id = :partner_id
AND live.revoked_at IS NULL AND (live.expires_at IS NULL OR live.expires_at > :now)
ORDER BY live.created_at, live.secret_id;

-- lag --
-- How many endpoints fail, and since when the oldest due one waits. Those of suspended merchants and partners wait for
-- the operator, and are not late.
SELECT COUNT(CASE WHEN failure_count > 0 THEN 1 END), MIN(due_at)
FROM webhook_endpoints
WHERE NOT EXISTS (
    SELECT 1 FROM merchants
    WHERE merchants.merchant_id = webhook_endpoints.merchant_id AND merchants.state <> 'active'
) AND NOT EXISTS (
    SELECT 1 FROM partners
    WHERE partners.partner_id = webhook_endpoints.partner_id AND partners.state <> 'active'
); -- unscoped: a metric of the whole vault

-- pending_deliveries --
-- How many deliveries wait, counted up to a limit. The order is that of the index of pending deliveries: it keeps
-- planners from reading delivered ones.
SELECT COUNT(*) FROM (
    SELECT 1 FROM webhook_deliveries WHERE state = 'pending'
    ORDER BY merchant_id, endpoint_id, due_at, number LIMIT :limit
) AS waiting; -- unscoped: a metric of the whole vault

-- endpoints_of_partner --
-- The endpoints that a partner's key signs for, when the partner is shown or removed.
SELECT merchant_id, endpoint_id, partner_id, url, created_at, failure_count, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = webhook_endpoints.merchant_id AND row_tags.kind = 'webhook_endpoint'
        AND row_tags.row_id = webhook_endpoints.endpoint_id
) FROM webhook_endpoints
WHERE partner_id = :partner_id ORDER BY merchant_id, created_at, endpoint_id; -- unscoped: it finds the merchants

-- queue_of_endpoints --
-- For operators: how many deliveries wait at each endpoint of a merchant, and how many were given up.
SELECT endpoint_id, COUNT(CASE WHEN state = 'pending' THEN 1 END), COUNT(CASE WHEN state = 'dead' THEN 1 END)
FROM webhook_deliveries WHERE merchant_id = :merchant_id GROUP BY endpoint_id;
