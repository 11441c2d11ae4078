-- What providers report of tokens, in whatever order it arrives: by the provider's clock, when the newest change took place
-- that the vault has applied to a token's status, to its number and expiry, and to the card behind it. An older report
-- changes nothing.

ALTER TABLE tokens ADD COLUMN network_status_at BIGINT NOT NULL DEFAULT 0;

ALTER TABLE tokens ADD COLUMN network_token_at BIGINT NOT NULL DEFAULT 0;

ALTER TABLE tokens ADD COLUMN network_card_at BIGINT NOT NULL DEFAULT 0;

-- The saved cards of a token.
CREATE INDEX instruments_by_token ON instruments (merchant_id, token_index) WHERE status <> 'DELETED';
