-- scan_instruments --
-- Which saved cards there are, with the key that each record names.
SELECT merchant_id, customer_id, instrument_id, created_at, substr(sealed, 1, 6) FROM instruments
WHERE (merchant_id, customer_id, instrument_id) > (:owner, :part, :record_id) AND sealed IS NOT NULL
ORDER BY merchant_id, customer_id, instrument_id LIMIT :limit; -- unscoped: an inspection looks at every merchant

-- scan_secrets --
-- Which API secrets there are.
SELECT merchant_id, '', secret_id, created_at, substr(sealed, 1, 6) FROM merchant_secrets
WHERE (merchant_id, secret_id) > (:owner, :record_id)
ORDER BY merchant_id, secret_id LIMIT :limit; -- unscoped: an inspection looks at every merchant

-- read_secret --
-- One sealed API secret.
SELECT sealed FROM merchant_secrets WHERE merchant_id = :merchant_id AND secret_id = :record_id;

-- scan_partner_keys --
-- Which keys of partners there are.
SELECT partner_id, '', secret_id, created_at, substr(sealed, 1, 6) FROM partner_keys
WHERE (partner_id, secret_id) > (:owner, :record_id)
ORDER BY partner_id, secret_id LIMIT :limit; -- unscoped: a partner belongs to no merchant

-- read_partner_key --
-- One sealed key of a partner.
SELECT sealed FROM partner_keys WHERE partner_id = :merchant_id AND secret_id = :record_id; -- unscoped: a partner belongs to no merchant

-- scan_replies --
-- Which stored replies there are.
SELECT merchant_id, '', idempotency_key, expires_at, substr(sealed, 1, 6) FROM idempotency_keys
WHERE (merchant_id, idempotency_key) > (:owner, :record_id) AND sealed IS NOT NULL
ORDER BY merchant_id, idempotency_key LIMIT :limit; -- unscoped: an inspection looks at every merchant

-- read_reply --
-- One sealed reply.
SELECT sealed FROM idempotency_keys WHERE merchant_id = :merchant_id AND idempotency_key = :record_id;

-- scan_outbox --
-- Which outbox tasks there are.
SELECT merchant_id, '', outbox_id, created_at, substr(sealed, 1, 6) FROM outbox
WHERE (merchant_id, outbox_id) > (:owner, :record_id)
ORDER BY merchant_id, outbox_id LIMIT :limit; -- unscoped: an inspection looks at every merchant

-- read_outbox --
-- One sealed outbox task.
SELECT sealed FROM outbox WHERE merchant_id = :merchant_id AND outbox_id = :record_id;

-- scan_events --
-- Which webhook events there are.
SELECT merchant_id, '', event_id, created_at, substr(sealed, 1, 6) FROM webhook_events
WHERE (merchant_id, event_id) > (:owner, :record_id)
ORDER BY merchant_id, event_id LIMIT :limit; -- unscoped: an inspection looks at every merchant

-- read_event_record --
-- One sealed webhook event.
SELECT sealed FROM webhook_events WHERE merchant_id = :merchant_id AND event_id = :record_id;

-- merchants_without_key --
-- A page of the merchants that have no active key of a purpose. Each must have one.
SELECT merchant_id FROM merchants WHERE merchant_id > :after AND NOT EXISTS (
    SELECT 1 FROM keys WHERE purpose = :purpose AND owner = merchants.merchant_id AND state = 'active'
) ORDER BY merchant_id LIMIT :limit; -- unscoped: an inspection looks at every merchant
