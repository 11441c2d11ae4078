-- load_instrument --
-- One saved card or its tombstone, by primary key. Nearly every call reads it.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    )
FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id;

-- load_with_counter --
-- A saved card for which a cryptogram is requested, with the highest counter that was released for its token.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    ),
    (
        SELECT MAX(shared.cryptogram_counter) FROM instruments AS shared
        WHERE shared.merchant_id = instruments.merchant_id AND shared.token_index = instruments.token_index
            AND shared.status <> 'DELETED'
    )
FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id;

-- list_instruments --
-- The saved cards of a customer, oldest first, without tombstones.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    )
FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND status <> 'DELETED'
ORDER BY created_at, instrument_id;

-- list_merchant_instruments --
-- For the command `cards list`: a bounded page over all customers of a merchant.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    )
FROM instruments
WHERE merchant_id = :merchant_id AND status <> 'DELETED'
ORDER BY customer_id, created_at, instrument_id LIMIT :limit;

-- page_of_instruments --
-- A page of a merchant's saved cards and tombstones, for verification.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    ), cryptogram_count
FROM instruments
WHERE merchant_id = :merchant_id AND (customer_id, instrument_id) > (:customer_id, :instrument_id)
ORDER BY customer_id, instrument_id LIMIT :limit;

-- find_instrument --
-- One saved card or tombstone without its customer's id, for verification. It reads the rows of the merchant.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    ), cryptogram_count
FROM instruments WHERE merchant_id = :merchant_id AND instrument_id = :instrument_id;

-- count_instruments --
-- Counted in the transaction that adds a card, so that the limit holds under concurrency.
SELECT COUNT(*) FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND status <> 'DELETED';

-- insert_instrument --
-- A newly saved card. All its secrets are in `sealed`.
INSERT INTO instruments (merchant_id, customer_id, instrument_id, status, created_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, key_id, sealed)
VALUES (:merchant_id, :customer_id, :instrument_id, :status, :created_at, :tsp_id, :last4, :network, :issuer, :country,
    :card_type, :card_sub_type, :instrument_uid, :token_index, :row_version, :key_id, :sealed);

-- list_instruments_of_token --
-- The saved cards of one token, to apply a change that its provider reported.
SELECT merchant_id, customer_id, instrument_id, status, created_at, deleted_at, tsp_id, last4, network, issuer, country,
    card_type, card_sub_type, instrument_uid, token_index, row_version, sealed, afa_reference,
    (
        SELECT tag FROM row_tags
        WHERE row_tags.merchant_id = instruments.merchant_id AND row_tags.kind = 'instrument'
            AND row_tags.row_id = instruments.instrument_id
    )
FROM instruments
WHERE merchant_id = :merchant_id AND token_index = :token_index AND status <> 'DELETED'
ORDER BY customer_id, instrument_id;

-- change_instrument --
-- Apply a change that the provider reported. The transaction has locked the card's token before.
UPDATE instruments
SET status = :status, last4 = :last4, row_version = :row_version, key_id = :key_id, sealed = :sealed
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id AND status <> 'DELETED';

-- tombstone_instrument --
-- Delete a card: the sealed record is removed. A tombstone stays, with what the answer to a repeated delete needs.
UPDATE instruments
SET status = 'DELETED', deleted_at = :deleted_at, sealed = NULL, key_id = NULL, afa_reference = :afa_reference
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id
    AND status <> 'DELETED' AND row_version = :row_version
RETURNING token_index;

-- count_cryptogram --
-- A cryptogram is released only if this returns a row: none is returned when the card was deleted or suspended since.
UPDATE instruments SET cryptogram_count = cryptogram_count + 1, cryptogram_at = :now,
    cryptogram_counter = CASE WHEN cryptogram_counter < :counter THEN :counter ELSE cryptogram_counter END
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id AND status = 'ACTIVE'
RETURNING cryptogram_count;

-- read_status --
-- The status, when a cryptogram was not counted.
SELECT status FROM instruments
WHERE merchant_id = :merchant_id AND customer_id = :customer_id AND instrument_id = :instrument_id;

-- sweep_tombstones --
-- Delete tombstones whose time is over. The answer to a repeated delete is then 404.
DELETE FROM instruments WHERE (merchant_id, customer_id, instrument_id) IN (
    SELECT merchant_id, customer_id, instrument_id FROM instruments
    WHERE status = 'DELETED' AND deleted_at < :before ORDER BY deleted_at LIMIT :limit
)
RETURNING merchant_id, instrument_id; -- unscoped: it sweeps every merchant's rows

-- summary_of_instruments --
-- For operators: how many cards of a merchant are in each state, and when the last call changed or used one.
SELECT status, COUNT(*), MAX(created_at), MAX(deleted_at), MAX(cryptogram_at)
FROM instruments WHERE merchant_id = :merchant_id GROUP BY status ORDER BY status;
