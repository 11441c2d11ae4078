-- share_token --
-- One more saved card uses this token. No row is returned when the token is being retired: the card needs a new one.
INSERT INTO tokens (merchant_id, token_index, state, instrument_count, changed_at)
VALUES (:merchant_id, :token_index, 'live', 1, :now)
ON CONFLICT (merchant_id, token_index)
DO UPDATE SET instrument_count = tokens.instrument_count + 1, changed_at = :now WHERE tokens.state = 'live'
RETURNING instrument_count;

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

-- token_state --
-- The state of a token that a provider has just granted, to see whether it may be used.
SELECT state FROM tokens WHERE merchant_id = :merchant_id AND token_index = :token_index;
