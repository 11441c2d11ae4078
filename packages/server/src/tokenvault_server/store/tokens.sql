-- share_token --
-- One more saved card uses this token. No row comes back when the token is on its way out: a new one must be had.
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
-- A token that was made and on which no card was saved. No row comes back when it is known: its cards decide about it.
INSERT INTO tokens (merchant_id, token_index, state, instrument_count, changed_at)
VALUES (:merchant_id, :token_index, 'retiring', 0, :now)
ON CONFLICT (merchant_id, token_index) DO NOTHING RETURNING state;

-- retire_token --
-- The provider has deleted the token.
UPDATE tokens SET state = 'retired', changed_at = :now
WHERE merchant_id = :merchant_id AND token_index = :token_index AND state = 'retiring';

-- token_state --
-- Whether a token that a provider has just granted may still be used.
SELECT state FROM tokens WHERE merchant_id = :merchant_id AND token_index = :token_index;
