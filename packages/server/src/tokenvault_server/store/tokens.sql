-- share_token --
-- One more saved card uses this token. No row is returned when the token is being retired: the card needs a new one.
-- In a new row, the time of the grant is that of the newest change at the provider.
INSERT INTO tokens (merchant_id, token_index, state, instrument_count, changed_at, network_status_at, network_token_at,
    network_card_at)
VALUES (:merchant_id, :token_index, 'live', 1, :now, :granted_at, :granted_at, :granted_at)
ON CONFLICT (merchant_id, token_index)
DO UPDATE SET instrument_count = tokens.instrument_count + 1, changed_at = :now WHERE tokens.state = 'live'
RETURNING state, network_status_at, network_token_at, network_card_at;

-- read_token --
-- The state of a token, and the times of the newest changes that were applied to it.
SELECT state, network_status_at, network_token_at, network_card_at FROM tokens
WHERE merchant_id = :merchant_id AND token_index = :token_index;

-- count_wrong_tokens --
-- How many tokens of a merchant do not count their saved cards, or would ignore what their provider reports next, for
-- verification.
SELECT COUNT(*) FROM tokens
WHERE merchant_id = :merchant_id AND (
    instrument_count <> (
        SELECT COUNT(*) FROM instruments
        WHERE instruments.merchant_id = tokens.merchant_id AND instruments.token_index = tokens.token_index
            AND instruments.status <> 'DELETED'
    )
    OR (state = 'live') <> (instrument_count > 0)
    OR network_status_at > :latest OR network_token_at > :latest OR network_card_at > :latest
);

-- lock_token --
-- Lock a token until the transaction ends. A transaction that changes its saved cards locks the token first.
UPDATE tokens SET changed_at = :now WHERE merchant_id = :merchant_id AND token_index = :token_index
RETURNING state, network_status_at, network_token_at, network_card_at;

-- record_network_changes --
-- Store the times of the newest changes that were applied to a token.
UPDATE tokens SET network_status_at = :status_at, network_token_at = :token_at, network_card_at = :card_at
WHERE merchant_id = :merchant_id AND token_index = :token_index;

-- end_token --
-- The provider has ended a token. The saved cards that used it are deleted.
UPDATE tokens SET state = 'retired', instrument_count = 0, changed_at = :now
WHERE merchant_id = :merchant_id AND token_index = :token_index;

-- release_token --
-- One saved card fewer; the last one starts the token's retirement.
UPDATE tokens
SET instrument_count = instrument_count - 1, changed_at = :now,
    state = CASE WHEN instrument_count <= 1 THEN 'retiring' ELSE state END
WHERE merchant_id = :merchant_id AND token_index = :token_index AND state = 'live'
RETURNING state;

-- abandon_token --
-- Retire a token on which no card was saved. No row is returned when the vault knows the token: then the cards on it
-- decide.
INSERT INTO tokens (merchant_id, token_index, state, instrument_count, changed_at)
VALUES (:merchant_id, :token_index, 'retiring', 0, :now)
ON CONFLICT (merchant_id, token_index) DO NOTHING RETURNING state;

-- retire_token --
-- The provider has deleted the token.
UPDATE tokens SET state = 'retired', changed_at = :now
WHERE merchant_id = :merchant_id AND token_index = :token_index AND state = 'retiring';
