-- Tags that authenticate the rows that decide what a caller may do, and those that show a saved card. A tag is a keyed
-- MAC, which nobody can make who has the database alone. `merchant_id` names the audit chain that records the row's
-- changes: that of a merchant, or the vault's own for partners and their keys.

CREATE TABLE row_tags (
    merchant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    row_id TEXT NOT NULL,
    tag BYTEA NOT NULL,
    PRIMARY KEY (merchant_id, kind, row_id)
);

-- The highest counter of a token that was ever released with a cryptogram of this card. The token service, which has a
-- database of its own, must be above it.
ALTER TABLE instruments ADD COLUMN cryptogram_counter BIGINT NOT NULL DEFAULT 0;
