-- load_instrument --
-- One saved card or its tombstone: the point read behind every call.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference
FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id;

-- list_instruments --
-- The saved cards of a customer, oldest first; tombstones are not saved cards.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference
FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND status <> 'DELETED'
ORDER BY created_at, instrument_id;

-- list_merchant_instruments --
-- For the operator's `cards list`: a bounded page over all customers of a merchant.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference
FROM instruments
WHERE merchant_id = :merchant_id AND status <> 'DELETED'
ORDER BY customer_id, created_at, instrument_id LIMIT :limit;

-- count_instruments --
-- Checked in the transaction that adds one, so that the limit holds under concurrency.
SELECT COUNT(*) FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND status <> 'DELETED';

-- insert_instrument --
-- A newly saved card; everything secret about it is in `sealed`.
INSERT INTO instruments (merchant_id, customer_id, instrument_id, status, created_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, key_id, sealed)
VALUES (:merchant_id, :customer_id, :instrument_id, :status, :created_at, :tsp_id, :last4, :network, :issuer, :country,
    :card_type, :card_sub_type, :instrument_uid, :token_index, :row_version, :key_id, :sealed);

-- list_instruments_of_token --
-- The saved cards of one token, for what its provider reports.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference
FROM instruments
WHERE merchant_id = :merchant_id AND token_index = :token_index AND status <> 'DELETED'
ORDER BY customer_id, instrument_id;

-- change_instrument --
-- What its provider reported of a saved card; whoever writes it holds the card's token.
UPDATE instruments
SET status = :status, last4 = :last4, row_version = :row_version, key_id = :key_id, sealed = :sealed
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id AND status <> 'DELETED';

-- bury_instrument --
-- Deletion by shredding: the sealed record goes, a tombstone with what its answer needs stays.
UPDATE instruments
SET status = 'DELETED', deleted_at = :deleted_at, sealed = NULL, key_id = NULL, afa_reference = :afa_reference
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id AND status <> 'DELETED'
RETURNING token_index;

-- count_cryptogram --
-- The gate of a cryptogram's release: no row comes back when the card was deleted or suspended meanwhile.
UPDATE instruments SET cryptogram_count = cryptogram_count + 1, cryptogram_at = :now
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id AND status = 'ACTIVE'
RETURNING cryptogram_count;

-- read_status --
-- Why a cryptogram was not counted.
SELECT status FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id;

-- sweep_tombstones --
-- Tombstones are forgotten after their time; the answer to a repeated delete is then 404.
DELETE FROM instruments WHERE (merchant_id, customer_id, instrument_id) IN (
    SELECT merchant_id, customer_id, instrument_id FROM instruments
    WHERE status = 'DELETED' AND deleted_at < :before ORDER BY deleted_at LIMIT :limit
)
RETURNING instrument_id; -- unscoped: housekeeping for every merchant alike
